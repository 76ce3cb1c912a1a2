// One server per major version, shared by a program's tests.
// Thread: the main thread asks first (a cluster's server dies with the thread that started it).
#pragma once

#include <map>
#include <memory>

#include "tests/support/shared_servers.hpp"

namespace pghaul::test {

/// Requires: find_server_bin(major).
inline Cluster& cluster_of(int major) {
    if (major == 15) return shared_cluster();
    static std::map<int, std::unique_ptr<Cluster>> clusters;
    auto& cluster = clusters[major];
    if (!cluster) {
        ClusterOptions options;
        options.major = major;
        cluster = std::make_unique<Cluster>(options);
    }
    return *cluster;
}

}  // namespace pghaul::test
