"""The words of reports, cards and pages: `numbers` spells a number, `text` fills in the templates
of `templates/`, which have all sentences."""
