#include "loader/sequences.hpp"

#include <algorithm>
#include <span>
#include <string>

#include "io/sql.hpp"

namespace pghaul::loader {
namespace {

constexpr std::size_t kPerStatement = 200;

constexpr io::Query kSetSequences{"set_sequences", R"sql(
    select pg_catalog.setval(c.oid::pg_catalog.regclass, v.last_value, v.is_called)
      from (select unnest($1::pg_catalog.text[]) as schema,
                   unnest($2::pg_catalog.text[]) as name,
                   unnest($3::pg_catalog.int8[]) as last_value,
                   unnest($4::pg_catalog.bool[]) as is_called) as v
      join pg_catalog.pg_namespace as n on n.nspname = v.schema
      join pg_catalog.pg_class as c on c.relnamespace = n.oid
                                   and c.relname = v.name
                                   and c.relkind = 'S'
)sql"};

std::int64_t set_some(io::Connection& source, io::Connection& target,
                      std::span<const snapshot::SequenceName> sequences) {
    std::string read;
    std::vector<std::string> schemas;
    std::vector<std::string> names;
    for (const auto& sequence : sequences) {
        read += read.empty() ? "" : " union all ";
        read += "select " + std::to_string(names.size()) + ", last_value, is_called from " +
                io::quote_qualified(sequence.schema, sequence.name);
        schemas.push_back(sequence.schema);
        names.push_back(sequence.name);
    }
    std::vector<std::string> values;
    std::vector<std::string> called;
    const auto rows = source.query({"read_sequences", read + " order by 1"});
    for (int row = 0; row < rows.rows(); ++row) {
        values.push_back(rows.string(row, 1));
        called.push_back(rows.string(row, 2));
    }
    return target
        .query(kSetSequences, {io::array_literal(schemas), io::array_literal(names),
                               io::array_literal(values), io::array_literal(called)})
        .rows();
}

}  // namespace

std::int64_t set_sequences(io::Connection& source, io::Connection& target,
                           const std::vector<snapshot::SequenceName>& sequences) {
    std::int64_t set = 0;
    for (std::span<const snapshot::SequenceName> rest(sequences); !rest.empty();) {
        const auto some = rest.first(std::min(kPerStatement, rest.size()));
        set += set_some(source, target, some);
        rest = rest.subspan(some.size());
    }
    return set;
}

}  // namespace pghaul::loader
