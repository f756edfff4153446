"""The transplant test: on which region of the input networks rely for a class, and which training samples taught them that.

A region of a donor, a training sample of the source class, is copied into recipients, samples of other classes that all networks get right.
If many recipients are then taken for the source class, whatever else they show, the donor carries a cue there. Donors of the recipients'
own classes are the control: they tell what any foreign content does.
"""
