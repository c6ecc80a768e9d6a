"""Questions about programs of many processes, which this build cannot run yet.

>>> import flambeau as torch
>>> torch.distributed.is_available()
False
"""

from __future__ import annotations

import os
from typing import Any

from flambeau._missing import missing, refusing

_KNOWN = frozenset(
    """
    AllToAllOptions AllreduceCoalescedOptions AllreduceOptions Backend BackendConfig BarrierOptions BroadcastOptions
    DebugLevel DeviceMesh DistBackendError DistError DistNetworkError DistStoreError FileStore GatherOptions GradBucket
    GroupMember HashStore Logger P2POp PrefixStore ProcessGroup ProcessGroupGloo ReduceOp ReduceOptions
    ReduceScatterOptions Reducer ScatterOptions Store TCPStore Work all_gather all_gather_into_tensor all_gather_object
    all_gather_single all_reduce all_to_all all_to_all_single barrier batch_isend_irecv breakpoint broadcast
    broadcast_object_list default_pg_timeout destroy_process_group gather gather_object get_backend get_backend_config
    get_debug_level get_default_backend_for_device get_global_rank get_group_rank get_node_local_rank get_pg_count
    get_process_group_ranks group init_device_mesh init_process_group irecv isend log monitored_barrier new_group
    new_subgroups new_subgroups_by_enumeration record_comm recv recv_object_list reduce reduce_op reduce_scatter
    reduce_scatter_single reduce_scatter_tensor register_rendezvous_handler rendezvous scatter scatter_object_list send
    send_object_list set_debug_level set_debug_level_from_env shrink_group split_group supports_complex
    """.split()
)


def is_available() -> bool:
    """Whether processes can work together: False."""
    return False


def is_initialized() -> bool:
    """Whether this process is one of a group: False."""
    return False


def is_backend_available(backend: str) -> bool:
    """Whether processes can talk by a library: False."""
    return False


def is_gloo_available() -> bool:
    """Whether processes can talk by Gloo: False."""
    return False


def is_mpi_available() -> bool:
    """Whether processes can talk by MPI: False."""
    return False


def is_nccl_available() -> bool:
    """Whether processes can talk by NCCL: False."""
    return False


def is_ucc_available() -> bool:
    """Whether processes can talk by UCC: False."""
    return False


def is_xccl_available() -> bool:
    """Whether processes can talk by XCCL: False."""
    return False


def is_torchelastic_launched() -> bool:
    """Whether ``torchrun`` has started this process, as the environment says."""
    return os.environ.get("TORCHELASTIC_RUN_ID") is not None


_NO_GROUP = "Default process group has not been initialized, please make sure to call init_process_group."
get_rank = refusing(__name__, "get_rank", ValueError, _NO_GROUP)
get_world_size = refusing(__name__, "get_world_size", ValueError, _NO_GROUP)


def __getattr__(name: str) -> Any:
    raise missing("torch.distributed", name, _KNOWN)
