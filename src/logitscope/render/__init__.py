"""View specs to pictures: the terminal, and what comes later."""
