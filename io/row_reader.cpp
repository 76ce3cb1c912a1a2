#include "io/row_reader.hpp"

#include "io/block.hpp"
#include "io/copy_frame.hpp"
#include "io/error.hpp"
#include "io/sql.hpp"

namespace pghaul::io {
namespace {

/// Our statement is in UTF-8; in the same message the server has converted it before it switches.
std::string switch_encoding(const std::string& encoding) {
    if (encoding == "UTF8") return {};
    return "set client_encoding to " + quote_literal(encoding) + "; ";
}

std::string_view without_header(std::string_view message) {
    constexpr std::string_view kNoFlagsNoExtension("\0\0\0\0\0\0\0\0", 8);
    if (message.size() < kCopyHeaderBytes ||
        message.substr(0, kCopySignature.size()) != kCopySignature ||
        message.substr(kCopySignature.size(), 8) != kNoFlagsNoExtension) {
        throw Error("the server's binary COPY begins in a way that is not known");
    }
    return message.substr(kCopyHeaderBytes);
}

}  // namespace

RowReader::RowReader(Connection& connection, const std::string& copy_sql,
                     const std::string& encoding, StreamProgress& progress)
    : connection_(connection),
      switched_(encoding != "UTF8"),
      reader_(connection, "verify_rows", switch_encoding(encoding) + copy_sql),
      progress_(progress) {}

bool RowReader::next(std::string_view& fields) {
    std::string_view message;
    while (reader_.read_message(message)) {
        if (!begun_) {
            begun_ = true;
            message = without_header(message);
            if (message.empty()) continue;
        }
        if (message == kCopyTrailerBytes) continue;
        if (message.size() < 2) throw Error("a row of a binary COPY ends early");
        fields = message.substr(2);  // the number of fields is the statement's
        bytes_ += message.size();
        ++rows_untold_;
        if (bytes_ - bytes_told_ >= kBlockBytes) tell();
        return true;
    }
    if (switched_) {
        connection_.execute({"reset_encoding", "set client_encoding to 'UTF8'"});
        switched_ = false;
    }
    return false;
}

void RowReader::tell() noexcept {
    progress_.add_bytes(bytes_ - bytes_told_);
    progress_.add_rows(rows_untold_);
    bytes_told_ = bytes_;
    rows_untold_ = 0;
}

}  // namespace pghaul::io
