"""Words find shots: by what their middle frames are called, or by CLIP."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from algorithms.clip import Clip
from algorithms.clip_embeddings import ClipEmbeddings
from algorithms.label_names import LabelNames
from algorithms.search_clip import search_clip
from algorithms.search_labels import search_labels
from algorithms.sentence_encoder import MiniLm, SentenceEncoder
from algorithms.shot_labels import PER_SHOT, Classifier, ShotLabels
from algorithms.wordpiece import WordPieces
from amber.algorithm import Each
from amber.errors import SettingError
from amber.weights import Weights, find_weights, open_weights
from tests.algorithms.features import shots_of, unit
from tests.algorithms.torchvision_ready import make_ready


def _opened(name: str, opener: type) -> Any:
    return open_weights(Weights(name), opener, Path("nowhere"))


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder(_opened("minilm-int8", MiniLm), _opened("minilm-vocabulary", WordPieces))


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a dog", [1037, 3899]),
        ("Sulphur-crested cockatoo", [21396, 8458, 3126, 1011, 25413, 10338, 10610, 2080]),
        ("kite (bird of prey)", [20497, 1006, 4743, 1997, 8336, 1007]),
        ("Café, naïve — “déjà vu”!", [7668, 1010, 15743, 1517, 1523, 2139, 3900, 24728, 1524, 999]),
        ("日本 film", [1864, 1876, 2143]),
        ("tab\tand\nnew\u200bline", [21628, 1998, 2047, 4179]),
        ("$5 & 10%", [1002, 1019, 1004, 2184, 1003]),
        ("Ünïcode_tests a+b", [27260, 1035, 5852, 1037, 1009, 1038]),
        ("supercalifragilistic", [3565, 9289, 10128, 29181, 24411, 4588]),
        ("x" * 101, [100]),
        ("", []),
    ],
)
def test_text_is_read_as_the_library_tokenizers_reads_it(
    encoder: SentenceEncoder, text: str, pieces: list[int]
) -> None:
    """Expected: tokenizers 0.23.3 with the same file."""
    assert encoder.vocabulary.read(text) == [101, *pieces, 102]


def test_a_long_text_is_cut(encoder: SentenceEncoder) -> None:
    assert len(encoder.vocabulary.read("dog " * 500)) == 128


def test_sentences_are_near_that_mean_much_the_same(encoder: SentenceEncoder) -> None:
    vectors = encoder.encode(["a bicycle", "mountain bike", "strawberry", "a bicycle"])
    assert vectors.shape == (4, 384) and np.linalg.norm(vectors, axis=1) == pytest.approx(
        np.ones(4), abs=1e-6
    )
    near, far = float(vectors[0] @ vectors[1]), float(vectors[0] @ vectors[2])
    assert near > 0.5 > 0.3 > far, (near, far)
    assert vectors[3].tobytes() == vectors[0].tobytes(), "whatever stands beside it"
    assert encoder.encode([]).shape == (0, 384)


def test_labels_are_those_of_the_package_that_the_weights_were_made_for(tmp_path: Path) -> None:
    package = pytest.importorskip(
        "efficientnet_lite_pytorch", reason="efficientnet-lite-pytorch is not installed"
    )
    path = find_weights(Weights("efficientnet-lite0"), tmp_path)
    reference = package.EfficientNet.from_name("efficientnet-lite0")
    reference.load_state_dict(torch.load(path, weights_only=True))
    pictures = np.random.default_rng(0).integers(0, 256, (5, 224, 224, 3), dtype=np.uint8)
    with torch.inference_mode():
        scaled = (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() - 127) / 128
        expected = reference.eval()(scaled).softmax(dim=1).numpy()
    found = Classifier.open(path).chances(pictures)
    assert found.shape == (5, 1000)
    assert found == pytest.approx(expected, abs=1e-5)
    assert Classifier.open(path).chances([]).shape == (0, 1000)


def test_label_names_stand_in_the_order_of_imagenet() -> None:
    names = _opened("imagenet-names", LabelNames).names
    assert len(names) == 1000
    assert [names[number] for number in (0, 151, 444, 949)] == [
        "tench",
        "Chihuahua",
        "tandem bicycle",
        "strawberry",
    ]


def _labels(*shots: tuple[str, float]) -> ShotLabels:
    """Shots of which each has one label with this probability, and nine others that are as likely as nothing."""
    names = [name for label, _ in shots for name in (label, *["zebra"] * (PER_SHOT - 1))]
    chances = [chance for _, likely in shots for chance in (likely, *[0.0] * (PER_SHOT - 1))]
    return ShotLabels(
        shot=np.repeat(np.arange(len(shots)), PER_SHOT),
        frame=np.zeros(len(names), np.int64),
        label=np.zeros(len(names), np.int64),
        name=names,
        probability=np.array(chances, np.float32),
    )


def _found(
    encoder: SentenceEncoder, titles: dict[str, ShotLabels], **settings: Any
) -> list[tuple[str, int, str]]:
    shots = Each({asset: shots_of(len(found.name) // PER_SHOT) for asset, found in titles.items()})
    table = search_labels(shots, Each(titles), encoder.network, encoder.vocabulary, **settings)
    assert table.start.tolist() == [24 * shot for shot in table.shot.tolist()]
    assert (table.end_seconds - table.start_seconds).tolist() == pytest.approx([1.0] * len(table.shot))
    return list(zip(table.asset, table.shot.tolist(), table.label, strict=True))


def test_shots_are_found_by_what_they_show_in_all_titles(encoder: SentenceEncoder) -> None:
    titles = {
        "b": _labels(("tandem bicycle", 0.4), ("strawberry", 0.9)),
        "a": _labels(("daisy", 0.5), ("mountain bike", 0.8), ("mountain bike", 0.3)),
    }
    found = _found(encoder, titles, text="a bicycle")
    assert found[:3] == [("a", 1, "mountain bike"), ("b", 0, "tandem bicycle"), ("a", 2, "mountain bike")]
    assert _found(encoder, titles, text="fruit", depth=1) == [("b", 1, "strawberry")]
    assert _found(encoder, titles, text="  fruit ", depth=1) == [("b", 1, "strawberry")]


def test_titles_without_shots_have_an_empty_answer(encoder: SentenceEncoder) -> None:
    assert _found(encoder, {"a": _labels()}, text="a bicycle") == []


@pytest.mark.parametrize("settings", [{}, {"text": " "}, {"text": "dog", "depth": 0}])
def test_a_search_for_nothing_is_refused(encoder: SentenceEncoder, settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="search_labels must"):
        _found(encoder, {"a": _labels()}, **settings)


class _Parameters(nn.Module):
    """Numbers under the names of another network, as a TorchScript archive holds them."""

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        super().__init__()
        for name, value in state.items():
            room: nn.Module = self
            *rooms, last = name.split(".")
            for part in rooms:
                if not hasattr(room, part):
                    room.add_module(part, nn.Module())
                room = getattr(room, part)
            room.register_parameter(last, nn.Parameter(value, requires_grad=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def _small_clip(side: int) -> dict[str, torch.Tensor]:
    """The parameters of a CLIP of two layers, in half precision as OpenAI's are."""
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg, convert_weights_to_fp16

    torch.manual_seed(3)
    vision = CLIPVisionCfg(layers=2, width=64, head_width=64, patch_size=56, image_size=side)
    network = CLIP(32, vision, CLIPTextCfg(width=64, heads=1, layers=2), quick_gelu=True)
    convert_weights_to_fp16(network)
    return {name: value.clone() for name, value in network.state_dict().items() if name != "attn_mask"}


@pytest.fixture(scope="module")
def small_clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """A small CLIP, through the very code that reads OpenAI's file: a TorchScript archive by its digest."""
    import hashlib
    import warnings

    from amber.weights import LocalFile

    make_ready()
    path = tmp_path_factory.mktemp("clip") / "small.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(_Parameters(_small_clip(224))), str(path))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    weights = Weights("small-clip", sha256=sha256, sources=(LocalFile(str(path)),))
    opened = open_weights(weights, Clip, path.parent)
    assert isinstance(opened, Clip)
    return opened


def test_clip_is_built_from_its_file_in_single_precision(small_clip: Clip) -> None:
    parameters = dict(small_clip.network.named_parameters())
    expected = _small_clip(224)
    assert all(value.dtype == torch.float32 for value in parameters.values())
    assert torch.equal(parameters["visual.conv1.weight"], expected["visual.conv1.weight"].float())
    assert torch.equal(parameters["text_projection"], expected["text_projection"].float())


def test_clip_is_also_read_from_plain_parameters_and_of_one_size_only(tmp_path: Path) -> None:
    make_ready()
    torch.save(_small_clip(224), tmp_path / "plain.pt")
    assert Clip.open(tmp_path / "plain.pt").text("a dog").shape == (32,)
    torch.save(_small_clip(112), tmp_path / "small.pt")
    with pytest.raises(ValueError, match=r"sides of \[112\] pixels; wanted is 224"):
        Clip.open(tmp_path / "small.pt")


def test_clip_embeds_as_open_clip_does(small_clip: Clip) -> None:
    import open_clip

    pictures = np.random.default_rng(0).integers(0, 256, (6, 224, 224, 3), dtype=np.uint8)
    found = small_clip.pictures(pictures)
    prepared = open_clip.image_transform(
        224, is_train=False, mean=open_clip.OPENAI_DATASET_MEAN, std=open_clip.OPENAI_DATASET_STD
    )
    from PIL import Image

    with torch.inference_mode():
        given = torch.stack([prepared(Image.fromarray(picture)) for picture in pictures])
        expected = small_clip.network.encode_image(given, normalize=True).numpy()
        words = small_clip.network.encode_text(open_clip.tokenize(["a dog"]), normalize=True)[0].numpy()
    assert found.shape == (6, 32) and found == pytest.approx(expected, abs=1e-5)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(6), abs=1e-6)
    assert small_clip.text("a dog") == pytest.approx(words, abs=1e-6)
    assert small_clip.pictures(pictures[4:]).tobytes() == found[4:].tobytes(), "whatever stands beside it"
    assert small_clip.pictures([]).shape == (0, 32)


def test_films_that_share_calls_of_clip_get_what_they_get_alone(small_clip: Clip) -> None:
    pictures = np.random.default_rng(1).integers(0, 256, (11, 224, 224, 3), dtype=np.uint8)
    shared = small_clip.sharing()
    films = [pictures[:6], pictures[6:9], pictures[9:]]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(shared.pictures, films))
    for film, vectors in zip(films, found, strict=True):
        assert vectors == pytest.approx(small_clip.pictures(film), abs=1e-5)
    assert shared.pictures([]).shape == (0, 32)


def test_clip_finds_the_shots_nearest_to_a_sentence(small_clip: Clip) -> None:
    wanted = small_clip.text("a dog")
    other = unit(np.random.default_rng(1).standard_normal((3, 32)))
    mixed = unit(np.stack([other[0], wanted + 0.1 * other[1], wanted + 0.5 * other[2]]))
    titles = {
        "a": ClipEmbeddings(vectors=mixed, middle=np.arange(3)),
        "b": ClipEmbeddings(vectors=wanted[None], middle=np.arange(1)),
        "c": ClipEmbeddings(vectors=np.zeros((0, 32), np.float32), middle=np.arange(0)),
    }
    shots = Each({asset: shots_of(len(found.vectors)) for asset, found in titles.items()})
    table = search_clip(shots, Each(titles), small_clip, text=" a dog")
    assert list(zip(table.asset, table.shot.tolist(), strict=True)) == [
        ("b", 0),
        ("a", 1),
        ("a", 2),
        ("a", 0),
    ]
    assert table.score.tolist() == pytest.approx(
        (np.concatenate([wanted[None], mixed[[1, 2, 0]]]) @ wanted).tolist()
    )
    with pytest.raises(SettingError, match="search_clip must say what to look for"):
        search_clip(shots, Each(titles), small_clip)
