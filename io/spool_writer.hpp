// Writes one chunk's packed blocks into a spool file (spool_format.hpp) and seals it. What is not
// sealed is removed with the writer, or by remove_unsealed at the next start.
// Thread: one at a time.
#pragma once

#include <string>
#include <string_view>

#include "io/file_descriptor.hpp"
#include "io/spool_format.hpp"

namespace pghaul::io {

class SpoolWriter {
  public:
    /// path: where the sealed file will be; its folder exists. Throws: Error.
    SpoolWriter(std::string path, const SpoolId& id);
    SpoolWriter(const SpoolWriter&) = delete;
    SpoolWriter& operator=(const SpoolWriter&) = delete;
    ~SpoolWriter();

    /// packed: one block as pack() makes it. Throws: Error; the file is then worthless.
    void append(std::string_view packed);
    /// Makes the file complete, and durable unless that is left to the caller: many small files are
    /// synced together. rows: as the source's server counted them.
    /// Throws: Error.
    void seal(std::uint64_t rows, bool sync = true);
    /// What stands in the footer; complete once sealed.
    const SpoolTotals& totals() const noexcept { return totals_; }
    /// Units: bytes on the disk so far.
    std::uint64_t bytes() const noexcept { return kSpoolHeaderBytes + totals_.packed_bytes; }

  private:
    void write(std::string_view bytes);

    std::string path_;
    std::string unsealed_;
    std::string header_;
    FileDescriptor file_;
    SpoolTotals totals_;
    bool sealed_ = false;
};

/// Removes what was never sealed in a folder. Returns: how many files. Throws: Error.
int remove_unsealed(const std::string& folder);

}  // namespace pghaul::io
