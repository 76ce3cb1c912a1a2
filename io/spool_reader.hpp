// Reads a sealed spool file (spool_format.hpp) as the COPY stream that it was. Nothing is believed:
// footer and header are checked before the first block, each block when it is unpacked, and the
// whole against the footer before the end is told.
// Thread: as BlockReader says.
#pragma once

#include <string>
#include <string_view>

#include "io/copy_source.hpp"
#include "io/file_descriptor.hpp"
#include "io/pack_format.hpp"
#include "io/spool_format.hpp"

namespace pghaul::io {

class SpoolReader : public BlockReader {
  public:
    /// Throws: Error if it isn't there, isn't sealed or is damaged.
    explicit SpoolReader(std::string path);

    const SpoolId& id() const noexcept { return id_; }
    const SpoolTotals& totals() const noexcept { return totals_; }

    bool read(Block& block) override;
    void unpack(Block& block, std::vector<char>& spare) const override;
    std::int64_t rows() const noexcept override { return static_cast<std::int64_t>(totals_.rows); }

  private:
    void read_at(std::uint64_t offset, char* to, std::size_t size) const;
    PackHeader header_of(std::string_view bytes) const;
    Error damaged(const std::string& what) const;

    std::string path_;
    FileDescriptor file_;
    SpoolId id_;
    SpoolTotals totals_;
    SpoolTotals seen_;
    std::uint64_t offset_ = kSpoolHeaderBytes;
};

}  // namespace pghaul::io
