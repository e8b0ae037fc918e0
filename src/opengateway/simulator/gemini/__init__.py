"""Gemini's generateContent wire, as strict as the vendor, under `/gemini/v1beta/models/...`."""
