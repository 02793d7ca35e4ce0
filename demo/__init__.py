"""The demo: the main job on a real film."""
