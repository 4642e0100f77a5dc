"""What is seen. Every view takes a snapshot (``agents.snapshot``) and never asks which method made it."""
