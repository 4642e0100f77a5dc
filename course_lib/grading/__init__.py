"""What an instructor calls: strangers' notebooks graded without trusting a byte of them.

From a submission only the source of the answer cells is taken; everything else comes from the release. The
learner's functions run in a kernel inside a sandbox (``sandbox``), on fresh inputs, and what they return is
written out (``probe``, ``wire``). nbval, outside, runs the cells (``runner``). What ought to be returned is
computed here and never enters the kernel (``verdict``). So a submission gets PASS by returning the right
numbers, and in no other way.

``wire`` and ``probe`` are what the kernel sees of this package.
"""
