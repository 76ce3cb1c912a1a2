#include "loader/parallel.hpp"

#include <memory>

#include "io/workers.hpp"

namespace pghaul::loader {

void for_each_parallel(std::size_t count, int jobs, const std::string& role,
                       const std::function<io::Connection(const std::string&)>& open,
                       io::RunProgress& progress,
                       const std::function<std::string(std::size_t)>& display,
                       const std::function<void(io::Connection&, std::size_t)>& perform) {
    io::share_work(count, jobs, [&](int number) -> io::Work {
        auto& stream = progress.add_stream();
        auto connection =
            std::make_shared<io::Connection>(open(role + " " + std::to_string(number)));
        return [&, connection](std::size_t i) {
            stream.begin(display(i));
            try {
                perform(*connection, i);
            } catch (...) {
                stream.end();
                throw;
            }
            stream.end();
        };
    });
}

}  // namespace pghaul::loader
