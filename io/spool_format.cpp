#include "io/spool_format.hpp"

#include <xxhash.h>

#include <array>

#include "io/error.hpp"
#include "io/little_endian.hpp"

namespace pghaul::io {
namespace {

constexpr std::size_t kHeaderCheckAt = kSpoolHeaderBytes - 8;
constexpr std::size_t kFooterCheckAt = kSpoolFooterBytes - 8;

Error damaged(const std::string& what) {
    return Error("spool file is damaged: " + what)
        .hint("remove the file; its rows are read from the source again");
}

std::uint64_t footer_check(std::string_view header, std::string_view footer) {
    std::string both(header);
    both.append(footer.substr(0, kFooterCheckAt));
    return XXH3_64bits(both.data(), both.size());
}

}  // namespace

std::string spool_header(const SpoolId& id) {
    if (id.job.size() > kLongestSpoolJob) throw Error("job's id is too long for a spool file");
    std::string header(kSpoolHeaderBytes, '\0');
    header.replace(0, kSpoolMagic.size(), kSpoolMagic);
    header[4] = kSpoolVersion;
    put_u32(&header[8], id.table);
    put_u32(&header[12], id.chunk);
    put_u32(&header[16], id.snapshot);
    put_u32(&header[20], static_cast<std::uint32_t>(id.job.size()));
    header.replace(24, id.job.size(), id.job);
    put_u64(&header[kHeaderCheckAt], XXH3_64bits(header.data(), kHeaderCheckAt));
    return header;
}

SpoolId read_spool_header(std::string_view header) {
    if (header.size() < kSpoolHeaderBytes) throw damaged("its header is cut off");
    if (!header.starts_with(kSpoolMagic)) throw damaged("it does not begin as one");
    if (header[4] != kSpoolVersion) {
        throw Error("spool file is of version " +
                    std::to_string(static_cast<unsigned char>(header[4])) + ", this pghaul reads " +
                    std::to_string(kSpoolVersion))
            .hint("go on with the version of pghaul that wrote it, or remove the file");
    }
    if (get_u64(&header[kHeaderCheckAt]) != XXH3_64bits(header.data(), kHeaderCheckAt)) {
        throw damaged("the checksum of its header is wrong");
    }
    const std::size_t job_bytes = get_u32(&header[20]);
    if (job_bytes > kLongestSpoolJob) throw damaged("its header makes no sense");
    return {std::string(header.substr(24, job_bytes)), get_u32(&header[8]), get_u32(&header[12]),
            get_u32(&header[16])};
}

std::string spool_footer(std::string_view header, const SpoolTotals& totals) {
    std::string footer(kSpoolFooterBytes, '\0');
    footer.replace(0, kSpoolFooterMagic.size(), kSpoolFooterMagic);
    put_u64(&footer[8], totals.rows);
    put_u64(&footer[16], totals.blocks);
    put_u64(&footer[24], totals.raw_bytes);
    put_u64(&footer[32], totals.packed_bytes);
    put_u64(&footer[40], totals.checksum);
    put_u64(&footer[kFooterCheckAt], footer_check(header, footer));
    return footer;
}

SpoolTotals read_spool_footer(std::string_view header, std::string_view footer) {
    if (footer.size() != kSpoolFooterBytes || !footer.starts_with(kSpoolFooterMagic)) {
        throw damaged("it has no footer");
    }
    if (get_u64(&footer[kFooterCheckAt]) != footer_check(header, footer)) {
        throw damaged("the checksum of its footer is wrong");
    }
    return {get_u64(&footer[8]), get_u64(&footer[16]), get_u64(&footer[24]), get_u64(&footer[32]),
            get_u64(&footer[40])};
}

std::uint64_t next_checksum(std::uint64_t so_far, std::uint64_t of_block) {
    std::array<char, 8> bytes{};
    put_u64(bytes.data(), of_block);
    return XXH3_64bits_withSeed(bytes.data(), bytes.size(), so_far);
}

}  // namespace pghaul::io
