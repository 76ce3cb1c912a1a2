// Small files that must be whole or not there, and folders as their keeper: written under another
// name, brought to the disk, then renamed.
// Not for: rows, whose files seal themselves (spool_writer.hpp).
// Thread: any; no state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pghaul::io {

/// Replaces a file (mode 0600) by content, durably. What a crash leaves is called "<path>.part".
/// Throws: Error.
void write_durably(const std::string& path, std::string_view content);

/// Brings a folder's list of names to the disk. Throws: Error.
void sync_folder(const std::string& folder);

/// Brings everything that was written to the folder's file system to the disk: one call for
/// thousands of small files. Throws: Error.
void sync_file_system(const std::string& folder);

/// XXH3-64 of some bytes, as 16 hexadecimal digits. Finds accidents; keeps nobody from forging.
std::string checksum_text(std::string_view bytes);
std::string checksum_text(std::uint64_t checksum);

}  // namespace pghaul::io
