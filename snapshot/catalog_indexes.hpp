// The part of the catalog's reading that is about keys and indexes.
// Thread: the connection's.
#pragma once

#include <map>
#include <string>

#include "io/connection.hpp"
#include "io/result.hpp"
#include "snapshot/table_info.hpp"
#include "snapshot/types.hpp"

namespace pghaul::snapshot {

using TableMap = std::map<Oid, TableInfo>;

/// The table whose OID stands first in a row; null if it is none of them.
TableInfo* find(TableMap& tables, const io::Result& rows, int row);

/// oids: the chosen relations, as oid[]. Finds for each table the key to cut it and to apply
/// changes by. Throws: io::Error.
void read_keys(io::Connection& source, const std::string& oids, const Types& types,
               TableMap& tables);

/// Same for all indexes, with their constraints. Throws: io::Error.
void read_indexes(io::Connection& source, const std::string& oids, TableMap& tables);

}  // namespace pghaul::snapshot
