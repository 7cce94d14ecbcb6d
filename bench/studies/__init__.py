"""Studies: measurements behind a decision, which no budget needs. `make bench` does not run them
and `make check` does not look at them; `python -m bench.studies.NAME` does one again.

| study | what it was for |
|---|---|
| `agent` | what an agent is shown beyond the first search (docs/explanation/agent.md) |
| `evidence` | fits the weights of `ask/evidence.py`, draws its picture; `korquad` makes a set for it |
| `passages` | how long passages are to be (decision 0032) |
| `past_asks` | searches in a history of 50,000 asks |
"""
