"""Datasets, samplers, collation and the DataLoader; random orders were recorded from PyTorch 2.13."""

import collections
import os
import random
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flambeau as torch
from flambeau.utils import data


class Squares(data.Dataset):
    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        return index, float(index * index)


class Stream(data.IterableDataset):
    def __init__(self, *items):
        self.items = items

    def __iter__(self):
        return iter(self.items)


def lists(batches):
    return [batch.tolist() for batch in batches]


# --- datasets


def test_tensor_dataset_gives_rows():
    dataset = data.TensorDataset(torch.arange(6).view(3, 2), torch.arange(3))
    assert len(dataset) == 3
    assert [part.tolist() for part in dataset[1]] == [[2, 3], 1]
    with pytest.raises(AssertionError, match="Size mismatch between tensors"):
        data.TensorDataset(torch.zeros(2), torch.zeros(3))


def test_concat_dataset_counts_through_its_parts():
    joined = data.ConcatDataset([["a", "b"], ["c"], [], ["d"]])
    assert [joined[i] for i in range(len(joined))] == ["a", "b", "c", "d"]
    assert (joined[-1], joined[-4]) == ("d", "a")
    with pytest.raises(ValueError, match="absolute value of index should not exceed dataset length"):
        joined[-5]
    with pytest.raises(AssertionError, match="does not support IterableDataset"):
        data.ConcatDataset([Stream()])
    assert isinstance(Squares(2) + Squares(3), data.ConcatDataset)


def test_chain_dataset_runs_through_its_parts():
    assert list(Stream(1, 2) + Stream(3)) == [1, 2, 3]
    with pytest.raises(AssertionError, match="ChainDataset only supports IterableDataset"):
        list(data.ChainDataset([[1]]))


def test_stack_dataset_joins_samples():
    assert data.StackDataset(["a", "b"], [1, 2])[1] == ("b", 2)
    named = data.StackDataset(x=["a", "b"], y=data.Subset([1, 2, 3], [2, 0]))
    assert named.__getitems__([1, 0]) == [{"x": "b", "y": 1}, {"x": "a", "y": 3}]
    with pytest.raises(ValueError, match="Size mismatch between datasets"):
        data.StackDataset([1], [1, 2])


def test_subset_renumbers():
    assert list(data.Subset("abc", [2, 0])) == ["c", "a"]

    class Changed(data.Subset):
        def __getitem__(self, index):
            return 0

    with pytest.raises(NotImplementedError, match="Changed overrides __getitem__ but not __getitems__"):
        Changed("abc", [0])


def test_random_split_takes_lengths_or_fractions():
    assert [len(part) for part in data.random_split(range(10), [0.34, 0.33, 0.33])] == [4, 3, 3]
    with pytest.raises(
        ValueError, match="Sum of input lengths does not equal the length of the input dataset!"
    ):
        data.random_split(range(10), [3, 3])
    with pytest.raises(ValueError, match="Fraction at index 0 is not between 0 and 1"):
        data.random_split(range(10), [1.5, -0.5])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        data.random_split(range(1), [0.9, 0.1])


def test_random_split_takes_fractions_that_add_up_to_one_within_rounding():
    assert sum([0.05] * 20) > 1
    parts = data.random_split(range(100), [0.05] * 20)
    assert [len(part) for part in parts] == [5] * 20
    assert sorted(item for part in parts for item in part) == list(range(100))


def test_random_split_draws_pytorchs_numbers():
    torch.manual_seed(1234)
    parts = data.random_split(range(10), [7, 3])
    assert [part.indices for part in parts] == [[5, 4, 8, 2, 6, 9, 1], [7, 0, 3]]


# --- samplers


def test_random_sampler_draws_pytorchs_numbers():
    torch.manual_seed(1234)
    assert list(data.RandomSampler(range(5), replacement=True, num_samples=8)) == [0, 1, 2, 0, 3, 0, 0, 2]
    torch.manual_seed(1234)
    assert list(data.RandomSampler(range(3), num_samples=7)) == [2, 0, 1, 1, 0, 2, 0]
    generator = torch.Generator()
    generator.manual_seed(5)
    sampler = data.RandomSampler(range(6), generator=generator)
    assert [list(sampler), list(sampler)] == [[5, 0, 1, 3, 4, 2], [1, 0, 5, 2, 4, 3]]


def test_subset_random_sampler_draws_pytorchs_numbers():
    torch.manual_seed(1234)
    assert list(data.SubsetRandomSampler([3, 5, 8, 9])) == [9, 5, 8, 3]


def test_weighted_random_sampler_draws_pytorchs_numbers():
    weights = [0.1, 0.2, 0.3, 0.4]
    torch.manual_seed(1234)
    assert list(data.WeightedRandomSampler(weights, 10)) == [1, 0, 2, 2, 2, 1, 1, 1, 1, 3]
    assert list(data.WeightedRandomSampler(weights, 3, replacement=False)) == [1, 3, 2]


def test_distributed_sampler_shares_out_the_epoch():
    def share(rank, **options):
        return list(data.DistributedSampler(range(7), num_replicas=2, rank=rank, **options))

    assert share(0, seed=3) == [5, 4, 0, 1]
    assert share(1, seed=3, drop_last=True) == [3, 6, 2]
    assert share(0, shuffle=False) + share(1, shuffle=False) == [0, 2, 4, 6, 1, 3, 5, 0]
    with pytest.raises(ValueError, match=r"Invalid rank 2, rank should be in the interval \[0, 1\]"):
        share(2)


@given(count=st.integers(0, 20), size=st.integers(1, 7), drop_last=st.booleans())
def test_batch_sampler_cuts_the_order_into_batches(count, size, drop_last):
    sampler = data.BatchSampler(range(count), size, drop_last)
    batches = list(sampler)
    whole = [i for batch in batches for i in batch]
    assert whole == list(range(count // size * size if drop_last else count))
    assert all(len(batch) == size for batch in batches[:-1])
    assert len(batches) == len(sampler)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: data.RandomSampler([]),
            ValueError,
            "num_samples should be a positive integer value, but got num_",
        ),
        (lambda: data.RandomSampler([1], replacement=1), TypeError, "replacement should be a boolean value"),
        (
            lambda: data.WeightedRandomSampler([1.0], 0),
            ValueError,
            "num_samples should be a positive integer",
        ),
        (lambda: data.WeightedRandomSampler([[1.0]], 1), ValueError, "weights should be a 1d sequence"),
        (lambda: data.BatchSampler([1], 0, False), ValueError, "batch_size should be a positive integer"),
        (lambda: data.BatchSampler([1], 1, 0), ValueError, "drop_last should be a boolean value"),
    ],
)
def test_samplers_name_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


# --- collation


def test_numbers_become_tensors():
    assert data.default_collate([1, 2]).dtype == torch.int64
    assert data.default_collate([1.0, 2.0]).dtype == torch.float64
    assert data.default_collate([True, False]).dtype == torch.bool


def test_tensors_are_stacked():
    batch = data.default_collate([torch.zeros(2), torch.ones(2)])
    assert batch.tolist() == [[0, 0], [1, 1]]


def test_numpy_values_become_tensors():
    assert data.default_collate([np.zeros(2, np.float32), np.ones(2, np.float32)]).dtype == torch.float32
    assert data.default_collate([np.int64(3), np.int64(4)]).tolist() == [3, 4]
    with pytest.raises(TypeError, match="default_collate: batch must contain tensors, numpy arrays, numbers"):
        data.default_collate([np.array(["text"])])


def test_strings_stay():
    assert data.default_collate(["a", "b"]) == ["a", "b"]


def test_structures_are_collated_item_by_item():
    Point = collections.namedtuple("Point", "x y")
    point = data.default_collate([Point(1, "a"), Point(2, "b")])
    assert type(point) is Point
    assert (point.x.tolist(), point.y) == ([1, 2], ("a", "b"))
    nested = data.default_collate([{"a": (1, [2.0])}, {"a": (3, [4.0])}])
    assert nested["a"][0].tolist() == [1, 3]
    assert nested["a"][1][0].tolist() == [2.0, 4.0]
    ordered = data.default_collate([collections.OrderedDict(a=1)])
    assert type(ordered) is collections.OrderedDict


def test_samples_of_different_lengths_are_refused():
    with pytest.raises(RuntimeError, match="each element in list of batch should be of equal size"):
        data.default_collate([(1, 2), (1,)])


def test_what_cannot_be_collated_is_named():
    with pytest.raises(TypeError, match="found <class 'NoneType'>"):
        data.default_collate([None])


def test_the_table_of_collations_can_be_extended():
    from flambeau.utils.data._utils.collate import default_collate_fn_map

    class Odd:
        pass

    default_collate_fn_map[Odd] = lambda batch, *, collate_fn_map=None: len(batch)
    try:
        assert data.default_collate([(Odd(), 1), (Odd(), 2)])[0] == 2
    finally:
        del default_collate_fn_map[Odd]


def test_convert_turns_arrays_into_tensors_only():
    converted = data.default_convert({"a": np.arange(2), "b": ("text", 3)})
    assert converted["a"].tolist() == [0, 1]
    assert converted["b"] == ["text", 3]


# --- the loader


def test_batches_come_in_order():
    loader = data.DataLoader(Squares(5), batch_size=2)
    assert [lists(batch) for batch in loader] == [[[0, 1], [0, 1]], [[2, 3], [4, 9]], [[4], [16]]]
    assert len(loader) == 3
    assert len(data.DataLoader(Squares(5), batch_size=2, drop_last=True)) == 2


def test_tensor_datasets_give_the_same_batches_at_once():
    rows = torch.arange(12).view(6, 2)
    for order in ([4, 1, 1], [-1, 0]):
        loader = data.DataLoader(data.TensorDataset(rows, rows[:, 0]), batch_sampler=[order])
        assert lists(next(iter(loader))) == [
            [rows.tolist()[i] for i in order],
            [rows.tolist()[i][0] for i in order],
        ]
    with pytest.raises(IndexError, match="out of"):
        list(data.DataLoader(data.TensorDataset(rows), batch_sampler=[[0, 6]]))


def test_batches_do_not_share_memory_with_the_dataset():
    rows = torch.zeros(4)
    for (batch,) in data.DataLoader(data.TensorDataset(rows), batch_size=2):
        batch += 1
    assert rows.tolist() == [0, 0, 0, 0]


def test_shuffling_draws_pytorchs_numbers():
    torch.manual_seed(1234)
    loader = data.DataLoader(data.TensorDataset(torch.arange(7)), batch_size=3, shuffle=True)
    epochs = [lists(batch for (batch,) in loader) for _ in range(2)]
    assert epochs == [[[3, 4, 0], [1, 2, 5], [6]], [[2, 3, 0], [6, 1, 4], [5]]]


def test_a_pass_in_order_draws_a_seed_too():
    torch.manual_seed(1234)
    list(data.DataLoader(Squares(3)))
    assert torch.randint(1000, (2,)).tolist() == [806, 365]


def test_without_batches_samples_come_as_they_are():
    assert list(data.DataLoader(Squares(3), batch_size=None)) == [[0, 0.0], [1, 1.0], [2, 4.0]]
    assert list(data.DataLoader(Stream("a", "b"), batch_size=None)) == ["a", "b"]


def test_streams_are_cut_into_batches():
    assert lists(data.DataLoader(Stream(*range(5)), batch_size=2)) == [[0, 1], [2, 3], [4]]
    assert lists(data.DataLoader(Stream(*range(5)), batch_size=2, drop_last=True)) == [[0, 1], [2, 3]]


def test_a_stream_longer_than_it_says_is_warned_about():
    class Sized(Stream):
        def __len__(self):
            return 1

    loader = data.DataLoader(Sized(1, 2), batch_size=None)
    assert len(loader) == 1
    with pytest.warns(UserWarning, match="was reported to be 1"):
        list(loader)


def test_samplers_and_collations_can_be_given():
    loader = data.DataLoader(Squares(4), sampler=[3, 1], batch_size=2, collate_fn=lambda samples: samples)
    assert list(loader) == [[(3, 9.0), (1, 1.0)]]
    loader = data.DataLoader("abc", batch_sampler=[[0], [2, 1]])
    assert list(loader) == [["a"], ["c", "b"]]


def test_datasets_may_fetch_batches_themselves():
    class Many(Squares):
        def __getitems__(self, indices):
            return [10 * i for i in indices]

    assert lists(data.DataLoader(Many(3), batch_size=2)) == [[0, 10], [20]]


def test_pinning_without_an_accelerator_is_warned_about():
    with pytest.warns(UserWarning, match="'pin_memory' argument is set as true but no accelerator is found"):
        list(data.DataLoader(Squares(1), pin_memory=True))


def test_there_is_no_worker_in_this_process():
    assert data.get_worker_info() is None


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"num_workers": -1}, ValueError, "num_workers option should be non-negative"),
        ({"multiprocessing_context": "fork"}, ValueError, "can only be used with multi-process loading"),
        (
            {"num_workers": 1, "multiprocessing_context": "knife"},
            ValueError,
            "should specify a valid start method",
        ),
        ({"timeout": -1}, ValueError, "timeout option should be non-negative"),
        (
            {"prefetch_factor": 2},
            ValueError,
            "prefetch_factor option could only be specified in multiprocessing",
        ),
        ({"persistent_workers": True}, ValueError, "persistent_workers option needs num_workers > 0"),
        ({"sampler": [0], "shuffle": True}, ValueError, "sampler option is mutually exclusive with shuffle"),
        ({"batch_sampler": [[0]], "batch_size": 2}, ValueError, "batch_sampler option is mutually exclusive"),
        (
            {"batch_size": None, "drop_last": True},
            ValueError,
            "batch_size=None option disables auto-batching",
        ),
        (
            {"batch_size": 0},
            ValueError,
            "batch_size should be a positive integer value, but got batch_size=0",
        ),
    ],
)
def test_loaders_name_bad_arguments(options, error, message):
    with pytest.raises(error, match=message):
        data.DataLoader(Squares(3), **options)


def test_streams_decide_on_their_order():
    for options in ({"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}):
        with pytest.raises(ValueError, match="DataLoader with IterableDataset: expected unspecified"):
            data.DataLoader(Stream(1), **options)


def test_what_decides_on_batches_is_fixed():
    loader = data.DataLoader(Squares(3))
    with pytest.raises(
        ValueError, match="batch_size attribute should not be set after DataLoader is initialized"
    ):
        loader.batch_size = 2


# --- workers


def with_workers(dataset, **options):
    return data.DataLoader(dataset, num_workers=2, **options)


def test_workers_give_the_same_batches_in_order():
    torch.manual_seed(1234)
    loader = with_workers(data.TensorDataset(torch.arange(7)), batch_size=3, shuffle=True)
    epochs = [lists(batch for (batch,) in loader) for _ in range(2)]
    assert epochs == [[[3, 4, 0], [1, 2, 5], [6]], [[2, 3, 0], [6, 1, 4], [5]]]


def test_large_batches_arrive_whole_and_can_be_written():
    rows = torch.arange(60_000).view(3, 20_000)
    arrived = [batch for (batch,) in with_workers(data.TensorDataset(rows), batch_size=1)]
    assert all(torch.equal(batch[0], row) for batch, row in zip(arrived, rows, strict=True))
    arrived[0].zero_()
    assert arrived[0].tolist() == [[0] * 20_000]


def test_any_object_can_be_sent():
    samples = [{"text": "a", "array": np.arange(3)}, None, torch.zeros(0), 1.5]
    arrived = list(with_workers(samples, batch_size=None, collate_fn=lambda sample: sample))
    assert arrived[0]["array"].tolist() == [0, 1, 2]
    assert (arrived[1], arrived[2].shape, arrived[3]) == (None, (0,), 1.5)


class Shared(data.IterableDataset):
    """Numbers below `end`, of which each worker takes its share."""

    def __init__(self, end):
        self.end = end

    def __iter__(self):
        info = data.get_worker_info()
        return iter(range(info.id, self.end, info.num_workers))


def test_workers_can_share_out_a_stream():
    batches = lists(with_workers(Shared(7), batch_size=2))
    assert batches == [[0, 2], [1, 3], [4, 6], [5]]


class Failing(Squares):
    def __getitem__(self, index):
        if index == 1:
            raise KeyError("sample 1 is broken")
        return index


def test_errors_of_workers_are_raised_with_their_traceback():
    iterator = iter(with_workers(Failing(3)))
    assert next(iterator).tolist() == [0]
    with pytest.raises(
        KeyError, match=r"Caught KeyError in DataLoader worker process 1(.|\n)*sample 1 is broken"
    ):
        next(iterator)
    assert next(iterator).tolist() == [2]


class Dying(Squares):
    def __getitem__(self, index):
        os._exit(3)


def test_the_death_of_a_worker_is_noticed():
    with pytest.raises(RuntimeError, match=r"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly"):
        list(with_workers(Dying(1)))


class Slow(Squares):
    def __getitem__(self, index):
        time.sleep(1)


def test_slow_workers_time_out():
    with pytest.raises(RuntimeError, match=r"timed out after 0\.1 seconds"):
        next(iter(with_workers(Slow(1), timeout=0.1)))


class Seeds(Squares):
    def __getitem__(self, index):
        return data.get_worker_info().seed, torch.initial_seed(), random.random()


def test_workers_have_seeds_of_their_own():
    torch.manual_seed(0)
    first, second = with_workers(Seeds(2), batch_size=None)
    assert second[0] == first[0] + 1
    assert (first[1], second[1]) == (first[0], second[0])
    assert first[2] == random.Random(first[0]).random()


def test_persistent_workers_stay_for_the_next_epoch():
    class Where(Squares):
        def __getitem__(self, index):
            return os.getpid()

    loader = with_workers(Where(4), persistent_workers=True)
    epochs = [sorted({batch.item() for batch in loader}) for _ in range(2)]
    next(iter(loader))  # a pass that is left early
    epochs.append(sorted({batch.item() for batch in loader}))
    assert len(epochs[0]) == 2
    assert epochs[0] == epochs[1] == epochs[2]


def test_persistent_streams_begin_anew():
    loader = with_workers(Shared(3), persistent_workers=True)
    assert [lists(loader) for _ in range(2)] == [[[0], [1], [2]]] * 2


def test_workers_can_be_initialised():
    def set_name(worker):
        os.environ["WORKER_NAME"] = f"worker {worker}"

    class Name(Squares):
        def __getitem__(self, index):
            return os.environ["WORKER_NAME"]

    assert list(with_workers(Name(3), batch_size=None, worker_init_fn=set_name)) == [
        "worker 0",
        "worker 1",
        "worker 0",
    ]


def test_batches_may_come_as_they_are_ready():
    class Uneven(Squares):
        def __getitem__(self, index):
            time.sleep(0.5 if index == 0 else 0)
            return index

    batches = [batch.item() for batch in with_workers(Uneven(6), in_order=False)]
    assert sorted(batches) == list(range(6))
    assert batches[0] != 0
