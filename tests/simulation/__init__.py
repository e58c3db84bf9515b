"""The whole pipeline in virtual time: random histories of faults from one seed, every promise checked.

A history is a world (`broker`, `endpoint`, `letters`) with one to three processes made of the real
Flow, Pipeline, Delivery, Admission and Transform (`process`), what happens to it (`plan`), and what
has to hold whatever happens (`ledger`). `history` runs one; the same seed is the same history.

    python -m tests.simulation --seeds 5000 [--from 0]
    python -m tests.simulation --seed 17 --verbose
    python -m tests.simulation --planted
"""
