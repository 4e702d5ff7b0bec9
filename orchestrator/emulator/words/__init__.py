"""English words and what they stand for. Pure: text in, values out; no clock, no flow.

What a phrase means is found by patterns and small tables. Nothing here knows what a
conversation is about; tools and their parameters say that.
"""
