"""Who may use which machine, and when: one gate a machine, and never a substitute."""
