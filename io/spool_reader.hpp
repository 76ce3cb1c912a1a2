// Reads a sealed spool file (spool_format.hpp) as the COPY stream that it was, a few buffers of a
// Ring ahead. Nothing is believed: footer and header are checked before the first block, each block
// when it is unpacked, and the whole against the footer before the end is told.
// Thread: as BlockReader says.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "io/copy_source.hpp"
#include "io/error.hpp"
#include "io/file_descriptor.hpp"
#include "io/pack_format.hpp"
#include "io/ring.hpp"
#include "io/spool_format.hpp"

namespace pghaul::io {

/// The file is not there, not whole, or can't be read: its rows must come from elsewhere.
class SpoolDamaged : public Error {
  public:
    using Error::Error;
};

class SpoolReader : public BlockReader {
  public:
    /// Throws: SpoolDamaged if it isn't there, isn't sealed or is damaged.
    explicit SpoolReader(std::string path, Ring::Engine engine = Ring::Engine::automatic);

    const SpoolId& id() const noexcept { return id_; }
    const SpoolTotals& totals() const noexcept { return totals_; }
    /// Units: bytes of the whole file.
    std::uint64_t file_bytes() const noexcept { return end_ + kSpoolFooterBytes; }

    /// Throws: SpoolDamaged; so do the others.
    bool read(Block& block) override;
    void unpack(Block& block, std::vector<char>& spare) const override;
    bool packed() const noexcept override { return true; }
    std::int64_t rows() const noexcept override { return static_cast<std::int64_t>(totals_.rows); }

  private:
    void open();
    std::string read_small(std::uint64_t offset, std::size_t size) const;
    void ask(std::size_t number);
    void take(char* to, std::size_t size);
    SpoolDamaged damaged(const std::string& what) const;
    SpoolDamaged damaged(const Error& part) const;
    SpoolDamaged unreadable(int reason) const;

    std::string path_;
    FileDescriptor file_;
    SpoolId id_;
    SpoolTotals totals_;
    SpoolTotals seen_;
    std::uint64_t end_ = 0;     // of the blocks: where the footer begins
    std::uint64_t offset_ = 0;  // of what take() gives next
    std::uint64_t asked_ = 0;   // up to where the ring was asked to read
    Ring::Engine engine_;
    std::optional<Ring> ring_;  // once the first block is asked for
};

}  // namespace pghaul::io
