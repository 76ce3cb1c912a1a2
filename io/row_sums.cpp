#include "io/row_sums.hpp"

#include "io/copy_frame.hpp"
#include "io/error.hpp"

namespace pghaul::io {
namespace {

RowSum sum_of_binary(std::string_view rows) {
    RowSum sum;
    if (rows.starts_with(kCopySignature)) {
        if (rows.size() < kCopyHeaderBytes) throw Error("a binary COPY ends in its header");
        rows.remove_prefix(kCopyHeaderBytes);
    }
    while (!rows.empty()) {
        if (rows.size() < 2) throw Error("a row of a binary COPY ends early");
        if (rows == kCopyTrailerBytes) break;
        const std::size_t count = static_cast<std::size_t>(static_cast<unsigned char>(rows[0]))
                                      << 8 |
                                  static_cast<unsigned char>(rows[1]);
        rows.remove_prefix(2);
        const auto row = rows;
        for (std::size_t field = 0; field < count; ++field) take_field(rows);
        sum.add(hash_of(row.substr(0, row.size() - rows.size())));
    }
    return sum;
}

/// A newline within a value travels as \n, so each that stands there ends a row.
RowSum sum_of_text(std::string_view rows) {
    RowSum sum;
    while (!rows.empty()) {
        const auto end = rows.find('\n');
        if (end == std::string_view::npos) throw Error("a row of a text COPY ends early");
        sum.add(hash_of(rows.substr(0, end)));
        rows.remove_prefix(end + 1);
    }
    return sum;
}

/// A message is one row; the first may have the header before it.
void add_message(RowSum& sum, std::string_view message, RowForm form) {
    if (form == RowForm::text) {
        if (!message.ends_with('\n')) throw Error("a row of a text COPY ends early");
        message.remove_suffix(1);
        sum.add(hash_of(message));
        return;
    }
    if (message.starts_with(kCopySignature)) {
        if (message.size() < kCopyHeaderBytes) throw Error("a binary COPY ends in its header");
        message.remove_prefix(kCopyHeaderBytes);
        if (message.empty()) return;
    }
    if (message == kCopyTrailerBytes) return;
    if (message.size() < 2) throw Error("a row of a binary COPY ends early");
    sum.add(hash_of(message.substr(2)));
}

}  // namespace

RowSum sum_of_block(const Block& block, RowForm form) {
    const std::string_view rows(block.bytes.data(), block.bytes.size());
    if (!block.ends.empty()) {
        RowSum sum;
        std::size_t begin = 0;
        for (const auto end : block.ends) {
            add_message(sum, rows.substr(begin, end - begin), form);
            begin = end;
        }
        return sum;
    }
    return form == RowForm::binary ? sum_of_binary(rows) : sum_of_text(rows);
}

RowSum sum_of_copy(CopyReader& reader, RowForm form, StreamProgress& progress,
                   const Interrupt& interrupt) {
    RowSum sum;
    std::string_view message;
    std::size_t untold = 0;
    while (reader.read_message(message)) {
        add_message(sum, message, form);
        untold += message.size();
        if (untold < kBlockBytes) continue;
        interrupt.check();
        progress.add_bytes(untold);
        untold = 0;
    }
    progress.add_bytes(untold);
    return sum;
}

}  // namespace pghaul::io
