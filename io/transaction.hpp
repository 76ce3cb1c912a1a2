// One transaction on a connection: commit() on the good path, rollback when it goes out of scope.
#pragma once

#include <exception>
#include <string>

#include "io/connection.hpp"

namespace pghaul::io {

class Transaction {
  public:
    /// mode: what follows BEGIN, e.g. "isolation level repeatable read read only".
    explicit Transaction(Connection& connection, std::string_view mode = "")
        : connection_(&connection) {
        connection.execute({"begin", "begin " + std::string(mode)});
    }
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    ~Transaction() {
        if (done_ || connection_->poisoned() || !connection_->in_transaction()) return;
        try {
            connection_->execute({"rollback", "rollback"});
        } catch (const std::exception&) {
            // The connection is poisoned by now and will be closed, which rolls back as well.
        }
    }

    /// Throws: Error; if it poisons the connection, whether the commit took place is in doubt and
    /// must be settled by reading what it wrote on a fresh connection (invariant 8).
    void commit() {
        connection_->execute({"commit", "commit"});
        done_ = true;
    }

  private:
    Connection* connection_;
    bool done_ = false;
};

}  // namespace pghaul::io
