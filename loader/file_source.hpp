// Rows out of an export's files instead of a server: the stream says which chunk is next, the COPY
// statement is only what its rows came from.
// Owner: a stream. Thread: the stream's, but for the reader's unpack().
#pragma once

#include <memory>
#include <string>

#include "io/copy_source.hpp"
#include "loader/export_files.hpp"
#include "loader/work_queue.hpp"

namespace pghaul::loader {

class FileSource : public io::CopySource {
  public:
    explicit FileSource(const ExportFiles& files) : files_(files) {}

    /// The chunk that the next copy_out() gives.
    void next(const TableChunk& chunk) { next_ = chunk; }

    /// Nobody is there whom a statement could tell anything.
    void execute(const io::Query& query) override;
    /// Throws: std::logic_error; files answer no questions.
    std::string query_value(const io::Query& query, const io::Params& params) override;
    std::unique_ptr<io::BlockReader> copy_out(const std::string& name, const std::string& sql,
                                              std::size_t blocks_in_flight) override;

  private:
    const ExportFiles& files_;
    TableChunk next_;
};

}  // namespace pghaul::loader
