"""Reading documents: files are stored, read, cut into passages and made searchable.

jobs.py       the queue and its worker: retries, crashes, start and stop
backlog.py    documents that wait to be read, and new jobs for those that lost theirs
pipeline.py   one document, from its file to its index rows
formats.py    what a file is, judged by its bytes
library/      `document_library` adds, changes and returns documents: what the rest of Byline
              calls; `document_catalogue` lists and counts them; `document_removal` hides and
              deletes them, and `source_files` their files
extraction/   `file_extractor` runs worker processes: bounds, recycling, death; `extract_worker`
              is such a process, and `file_reading` reads one file in it
readers/      a module for each family of formats; `encoding` decodes text, `text_blocks` joins
              what was read into one text
witness/      what a file tells of its text without its reader: `comparison` finds what a reading
              lacks (pure), `attestation` puts it in or warns of it
passages/     `chunking` cuts a text into passages (pure)
pictures/     pages of PDF documents as pictures
"""
