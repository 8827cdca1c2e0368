"""What leaves a project for other programs in their formats, and what comes back; one file per format."""
