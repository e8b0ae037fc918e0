"""OpenAI's Responses as its provider speaks it: forms, rules, answers, events."""
