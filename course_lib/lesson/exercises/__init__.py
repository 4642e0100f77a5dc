"""The exercises of each lesson, one file a lesson; loaded when first asked for."""
