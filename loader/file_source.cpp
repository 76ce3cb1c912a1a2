#include "loader/file_source.hpp"

#include <stdexcept>

namespace pghaul::loader {

void FileSource::execute(const io::Query&) {}

std::string FileSource::query_value(const io::Query& query, const io::Params&) {
    throw std::logic_error("an export's files were asked for " + std::string(query.name));
}

std::unique_ptr<io::BlockReader> FileSource::copy_out(const std::string&, const std::string&,
                                                      std::size_t) {
    return files_.open_rows(next_.table->number, next_.chunk->number, next_.table->info.display());
}

}  // namespace pghaul::loader
