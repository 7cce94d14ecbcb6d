"""Documents in: what is kept, read, cut into passages and made searchable.

library     add, change, give out: what the rest of Byline calls
catalogue   documents listed, counted and sorted
removal     removed so that it can be undone, then for good; `originals` forgets their files
jobs        the queue and its worker: retries, crashes, start and stop
pipeline    what becomes of one document, from its file to its index rows
states      which state follows which, and the one function that changes it
extract     worker processes, seen from the server: bounds, recycling, death
worker      the same from inside: one file after the other, through `protocol`
reading     one file to its text: `kinds` and `encoding` tell what it is, a module of
            `readers` takes it apart, `blocks` puts its text together
chunk       text to passages (pure)
"""
