"""Match cuts as an editor uses them: lists, verdicts, previews, sheets and exports."""
