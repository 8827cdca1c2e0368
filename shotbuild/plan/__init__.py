"""Deciding, without doing: Project + lock + facts about plates → a Plan of Steps. No file is opened here."""
