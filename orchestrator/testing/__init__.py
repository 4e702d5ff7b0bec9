"""Tests of flows: their document, how a case is played, how it is judged, what was covered."""
