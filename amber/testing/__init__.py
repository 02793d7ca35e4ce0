"""The promises of a store, as tests to inherit: a store of one's own keeps them if its subclass passes.

class TestMyStore(StoreTests):
    def make_store(self, home: Path) -> Store:
        return open_my_store(home)
"""

from amber.testing.blobs import BlobsTests
from amber.testing.store import StoreTests

__all__ = ["BlobsTests", "StoreTests"]
