"""Where a team's requests may go at all: its own ceiling, beside the zone's."""
