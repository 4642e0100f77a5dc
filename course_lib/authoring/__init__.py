"""What an author calls: lessons are written once, in both languages, and notebooks are built from them."""
