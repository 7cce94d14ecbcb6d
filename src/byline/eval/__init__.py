"""Judging: questions whose answers are known, held against what Byline finds and says. Pure.

`byline eval` and `bench` run the questions; here is what they ask, what counts as right, how it is
summed up, how two runs compare, and the page that shows it.
"""
