// Large objects' bytes: read from a server in round trips of bounded size, given to a sink. A sink
// is a target server or an export's file (large_object_file.hpp).
// Thread: the one that owns the connections.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/connection.hpp"
#include "loader/large_object_info.hpp"

namespace pghaul::loader {

/// Units: bytes. Memory for one round trip's contents; the results and the parameters hold it
/// twice.
inline constexpr std::size_t kObjectBatchBytes = 8 * 1024 * 1024;

class ObjectSink {
  public:
    virtual ~ObjectSink() = default;

    /// Makes the objects with the first bytes of each.
    virtual void create(std::span<const LargeObject> objects,
                        const std::vector<std::string>& starts) = 0;
    /// Adds a piece to an object that was created.
    virtual void append(snapshot::Oid oid, std::size_t offset, const std::string& piece) = 0;
};

/// Makes them on a server. Requires: it is in a transaction.
class TargetObjects : public ObjectSink {
  public:
    /// read_back: what was written is read again and compared.
    TargetObjects(io::Connection& target, bool read_back)
        : target_(target), read_back_(read_back) {}

    void create(std::span<const LargeObject> objects,
                const std::vector<std::string>& starts) override;
    void append(snapshot::Oid oid, std::size_t offset, const std::string& piece) override;

  private:
    io::Connection& target_;
    bool read_back_;
};

/// Gives the sink all bytes of these objects. Requires: source in its snapshot's transaction.
/// Returns: how many bytes.
std::int64_t read_large_objects(io::Connection& source, std::span<const LargeObject> objects,
                                ObjectSink& sink);

/// Appends what follows the first `offset` bytes. Returns: how many bytes.
std::size_t read_tail(io::Connection& source, snapshot::Oid oid, std::size_t offset,
                      ObjectSink& sink);

}  // namespace pghaul::loader
