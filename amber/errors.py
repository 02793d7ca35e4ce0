"""Every error that Amber raises on purpose, as one tree.

AmberError
├── DeclarationError            an algorithm is declared wrongly; raised when algorithms load
│   ├── UntypedParameterError
│   ├── SettingWithoutDefaultError
│   ├── InvalidResultTypeError
│   ├── MissingProducerError
│   ├── TwoProducersError
│   ├── CycleError
│   ├── InputArityError
│   ├── AlgorithmsUnloadableError
│   └── WeightsUnpinnedError
├── UsageError                  an ask, a setting or a configuration that cannot be meant
│   ├── SettingError
│   ├── BindingError
│   ├── AmbiguousAssetError
│   ├── SeveralFeaturesError
│   ├── PlanStateError
│   ├── EvaluationError
│   ├── ExportError
│   ├── DatasetError
│   ├── JobUnfitError
│   ├── LocationRefusedError
│   ├── TooLargeError
│   ├── UploadStateError
│   └── ConfigurationError
├── NotFoundError               what was named does not exist
│   ├── AlgorithmNotFoundError
│   ├── VersionNotFoundError
│   ├── AssetNotFoundError
│   │   └── AssetForgottenError
│   ├── CutNotFoundError
│   ├── FeatureNotFoundError
│   ├── PlanNotFoundError
│   ├── JobNotFoundError
│   ├── UploadNotFoundError
│   ├── BackfillNotFoundError
│   ├── SubscriptionNotFoundError
│   └── TokenNotFoundError
├── ArrivalError                what a watched source shows is not taken
│   ├── StillChangingError
│   └── CutOffError
├── PlanDriftedError            what a plan covers is no longer what it said
├── ComputeError                a feature could not be computed
│   ├── AlgorithmFailedError
│   ├── InputFailedError
│   ├── InvalidResultError
│   ├── SourceLostError
│   ├── StepTooLargeError
│   ├── WeightsMissingError
│   ├── WeightsDigestError
│   ├── WorkerUnfitError
│   ├── MachineLostError
│   ├── ClusterUnavailableError
│   └── JobCancelledError
├── ServiceError                a service does not do what was asked of it
│   ├── TokenRefusedError
│   ├── ScopeError
│   ├── BusyError
│   └── ServiceUnavailableError
└── StoreError                  the store cannot do what was asked of it
    ├── BlobMissingError
    ├── BlobCorruptError
    ├── StaleLeaseError
    │   └── BlobCollectedError
    ├── SchemaError
    ├── StoreFullError
    └── StoreUnavailableError
        └── ConnectionLostError
"""

from typing import ClassVar


class AmberError(Exception):
    """Amber could not do what was asked."""

    #: Whether the same call may succeed later without any change by the caller.
    retryable: ClassVar[bool] = False

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class DeclarationError(AmberError):
    """An algorithm is declared wrongly."""


class UntypedParameterError(DeclarationError):
    """A parameter of an algorithm has no type."""


class SettingWithoutDefaultError(DeclarationError):
    """A setting of an algorithm has no default."""


class InvalidResultTypeError(DeclarationError):
    """A result type cannot be stored as a table."""


class MissingProducerError(DeclarationError):
    """No loaded algorithm produces an input."""


class TwoProducersError(DeclarationError):
    """Two algorithms produce the same type."""


class CycleError(DeclarationError):
    """Algorithms depend on each other in a circle."""


class InputArityError(DeclarationError):
    """An algorithm mixes inputs of one title with inputs of several."""


class AlgorithmsUnloadableError(DeclarationError):
    """A module or file of algorithms cannot be loaded."""


class WeightsUnpinnedError(DeclarationError):
    """Weights are named without a digest."""


class UsageError(AmberError):
    """The request cannot be meant as it stands."""


class SettingError(UsageError):
    """A setting is unknown, ambiguous, or has a value of the wrong type."""


class BindingError(UsageError):
    """A binding names a type or a producer that does not fit."""


class AmbiguousAssetError(UsageError):
    """More than one asset fits the name."""


class SeveralFeaturesError(UsageError):
    """Features of different settings are stored for that version; say which settings are meant."""


class PlanStateError(UsageError):
    """The plan cannot be applied or undone as it stands."""


class EvaluationError(UsageError):
    """What is to be evaluated is missing, or has no such score."""


class ExportError(UsageError):
    """The cuts cannot be written in that form."""


class DatasetError(UsageError):
    """The dataset cannot be written or read so."""


class ConfigurationError(UsageError):
    """The configuration (environment or amber.toml) cannot be used."""


class JobUnfitError(UsageError):
    """This process has not loaded exactly what the job was asked for with."""


class LocationRefusedError(UsageError):
    """The service may not read that place."""


class TooLargeError(UsageError):
    """The request is larger than the service takes."""


class UploadStateError(UsageError):
    """The upload does not stand where the request supposes."""


class NotFoundError(AmberError):
    """What was named does not exist."""


class AlgorithmNotFoundError(NotFoundError):
    """No algorithm of that name is loaded."""


class VersionNotFoundError(NotFoundError):
    """That version of the algorithm is neither loaded nor stored."""


class AssetNotFoundError(NotFoundError):
    """No asset fits the name."""


class AssetForgottenError(AssetNotFoundError):
    """The asset was taken down; ingesting its content again starts anew."""


class CutNotFoundError(NotFoundError):
    """No cut of that name is listed."""


class FeatureNotFoundError(NotFoundError):
    """No such feature is stored."""


class PlanNotFoundError(NotFoundError):
    """There is no plan of that id."""


class ArrivalError(AmberError):
    """What a watched source shows is not taken."""


class StillChangingError(ArrivalError):
    """A file changed while it was read."""

    retryable = True


class CutOffError(ArrivalError):
    """A file is cut off, so it may be a copy that is not whole yet."""


class PlanDriftedError(AmberError):
    """What a plan covers is no longer what it said; make a new one."""


class JobNotFoundError(NotFoundError):
    """There is no such job."""


class UploadNotFoundError(NotFoundError):
    """There is no such upload, or none any more."""


class BackfillNotFoundError(NotFoundError):
    """There is no such backfill."""


class SubscriptionNotFoundError(NotFoundError):
    """There is no such subscription."""


class TokenNotFoundError(NotFoundError):
    """There is no such access token."""


class ComputeError(AmberError):
    """A feature could not be computed."""


class AlgorithmFailedError(ComputeError):
    """An algorithm raised an error."""


class InputFailedError(ComputeError):
    """An input of the feature could not be computed."""


class InvalidResultError(ComputeError):
    """An algorithm returned something that its result type does not allow."""


class SourceLostError(ComputeError):
    """None of the asset's known locations still holds it."""


class StepTooLargeError(ComputeError):
    """A step takes more memory than this machine, or the largest of the cluster, has for steps."""


class WeightsMissingError(ComputeError):
    """A weights file was found at none of its sources."""


class WeightsDigestError(ComputeError):
    """A weights file does not have the digest that was declared."""


class WorkerUnfitError(ComputeError):
    """A machine of the cluster has other versions than whoever asks."""

    retryable = True


class MachineLostError(ComputeError):
    """The processes or machines that computed it were lost."""

    retryable = True


class ClusterUnavailableError(ComputeError):
    """The cluster that computes cannot be reached."""

    retryable = True


class JobCancelledError(ComputeError):
    """The job was cancelled, as nobody wanted it any more."""


class ServiceError(AmberError):
    """The service does not do what was asked of it."""


class TokenRefusedError(ServiceError):
    """The service wants an access token, and this is none that it knows."""


class ScopeError(ServiceError):
    """The access token does not allow that."""


class BusyError(ServiceError):
    """The service has as much to do as it takes at once."""

    retryable = True
    #: After so many seconds it may be tried again.
    retry_seconds: float = 1.0


class ServiceUnavailableError(ServiceError):
    """The service cannot be reached, or cannot answer now."""

    retryable = True
    #: After so many seconds it may be tried again.
    retry_seconds: float = 1.0


class StoreError(AmberError):
    """The store cannot do what was asked of it."""


class BlobMissingError(StoreError):
    """A blob that a row names is not there."""


class BlobCorruptError(StoreError):
    """A blob's bytes do not have the digest that names it."""


class StaleLeaseError(StoreError):
    """The lease was taken over by another worker; this result is refused."""


class BlobCollectedError(StaleLeaseError):
    """A blob of the result was collected as left over while it was being computed; this result is refused."""


class SchemaError(StoreError):
    """The catalogue's schema is not the one that this release works with; run `amber migrate`."""


class StoreFullError(StoreError):
    """There is no space left where the store keeps its data."""


class StoreUnavailableError(StoreError):
    """The store cannot be reached."""

    retryable = True


class ConnectionLostError(StoreUnavailableError):
    """There is no connection to the catalogue; whether what was just being written is there is not known."""
