"""What runs ask of the store, in sets: the desks that a conductor brings their questions to."""

from collections.abc import Sequence

from amber.errors import AmberError
from amber.store.jobs import Finish
from amber.store.protocol import Commit, Failure, Link, Store, Trace


class Sets:
    """Answers questions of any number of runs, each by one call of the store.

    Args:
        store: Knows the answers.
    """

    def __init__(self, store: Store) -> None:
        self._catalog = store.catalog
        self._blobs = store.blobs
        self._wakeups = store.wakeups

    def linked(self, keys: Sequence[str]) -> list[Trace | None]:
        """The features of resolved keys."""
        found = self._catalog.linked_traces(keys)
        return [found.get(key) for key in keys]

    def traces(self, recipes: Sequence[str]) -> list[Trace | None]:
        """The committed computations of recipes."""
        found = self._catalog.traces(recipes)
        return [found.get(recipe) for recipe in recipes]

    def failures(self, recipes: Sequence[str]) -> list[Failure | None]:
        """The remembered failures of recipes."""
        found = self._catalog.failures(recipes)
        return [found.get(recipe) for recipe in recipes]

    def present(self, digests: Sequence[str]) -> list[bool]:
        """Whether blobs are there, as far as is known without reading them."""
        there = self._blobs.present(digests)
        return [sha256 in there for sha256 in digests]

    def ever(self, subjects: Sequence[str]) -> list[bool]:
        """Whether anything was ever computed of subjects."""
        there = self._catalog.traced_subjects(subjects)
        return [subject in there for subject in subjects]

    def link(self, links: Sequence[Link]) -> list[bool]:
        """Whether keys were linked."""
        return self._catalog.link_all(links)

    def commit(self, commits: Sequence[Commit]) -> list[Trace | AmberError]:
        """The traces of what is committed; whoever waits for one of them is told."""
        made = self._catalog.commit_all(commits)
        self._wakeups.publish(*(one.recipe for one in made if isinstance(one, Trace)))
        return made

    def finish(self, finished: Sequence[Finish]) -> list[bool]:
        """Whether the claims on finished jobs still stood; whoever waits for one of these is told."""
        stood = self._catalog.finish_jobs(finished)
        self._wakeups.publish(*(one.claim.key for one in finished))
        return stood
