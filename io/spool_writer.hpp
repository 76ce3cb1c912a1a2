// Writes one chunk's packed blocks into a spool file (spool_format.hpp) and seals it. Blocks are
// gathered in buffers of a Ring, so that the disk works while the next ones are made. What is not
// sealed is removed with the writer, or by remove_unsealed at the next start.
// Thread: one at a time.
#pragma once

#include <string>
#include <string_view>

#include "io/error.hpp"
#include "io/file_descriptor.hpp"
#include "io/ring.hpp"
#include "io/spool_format.hpp"

namespace pghaul::io {

/// Units: bytes of one buffer, and how many a file has: 1 MB for each file being written or read.
/// Source: bench/ring_bench.cpp; larger or more ones gain little.
inline constexpr std::size_t kSpoolBufferBytes = 256 * 1024;
inline constexpr std::size_t kSpoolBuffers = 4;

/// The file can't be written: no room, no right, or the disk fails. Its rows are still where they
/// were.
class SpoolUnwritable : public Error {
  public:
    using Error::Error;
};

class SpoolWriter {
  public:
    /// path: where the sealed file will be; its folder exists. Throws: SpoolUnwritable, Error.
    SpoolWriter(std::string path, const SpoolId& id, Ring::Engine engine = Ring::Engine::automatic);
    SpoolWriter(const SpoolWriter&) = delete;
    SpoolWriter& operator=(const SpoolWriter&) = delete;
    ~SpoolWriter();

    /// packed: one block as pack() makes it.
    /// Throws: SpoolUnwritable, maybe for an earlier block; the file is then worthless.
    void append(std::string_view packed);
    /// Makes the file complete, and durable unless that is left to the caller: many small files are
    /// synced together. rows: as the source's server counted them. Throws: SpoolUnwritable.
    void seal(std::uint64_t rows, bool sync = true);
    /// Units: bytes of the file so far; of all of it once it is sealed.
    std::uint64_t bytes() const noexcept {
        return kSpoolHeaderBytes + totals_.packed_bytes + (sealed_ ? kSpoolFooterBytes : 0);
    }
    /// What stands in the footer; complete once sealed.
    const SpoolTotals& totals() const noexcept { return totals_; }

  private:
    void put(std::string_view bytes);
    void write_buffer();
    void await(std::size_t number);

    std::string path_;
    std::string unsealed_;
    std::string header_;
    FileDescriptor file_;
    SpoolTotals totals_;
    bool sealed_ = false;
    Ring ring_;
    std::size_t current_ = 0;    // the buffer being filled
    std::size_t filled_ = 0;     // bytes in it
    std::uint64_t written_ = 0;  // bytes given to the ring: where the next buffer goes
};

/// Removes what was never sealed in a folder. Returns: how many files. Throws: Error.
int remove_unsealed(const std::string& folder);

}  // namespace pghaul::io
