#pragma once

namespace flambeau {

// CPUs this process may use: its affinity mask, cut down to the CPU quota of its cgroup; at least 1.
int available_cpus();

}  // namespace flambeau
