#include "cmd/console.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <mutex>

#include "io/error.hpp"

namespace pghaul::cmd {
namespace {

std::mutex mutex;
std::vector<std::string> shown;

void erase_display() {
    for (std::size_t i = 0; i < shown.size(); ++i) std::fputs("\033[1A\033[2K", stderr);
}

void print_display() {
    for (const auto& line : shown) std::fprintf(stderr, "%s\n", line.c_str());
}

class ConsoleSink : public spdlog::sinks::base_sink<std::mutex> {
  protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t buffer;
        formatter_->format(message, buffer);
        std::string text(buffer.data(), buffer.size());
        while (!text.empty() && text.back() == '\n') text.pop_back();
        Console::get().line(text);
    }
    void flush_() override {}
};

}  // namespace

Console& Console::get() {
    static Console console;
    return console;
}

void Console::line(const std::string& text) {
    const std::lock_guard guard(mutex);
    erase_display();
    std::fprintf(stderr, "%s\n", text.c_str());
    print_display();
    std::fflush(stderr);
}

void Console::show(std::vector<std::string> lines) {
    const std::lock_guard guard(mutex);
    erase_display();
    shown = std::move(lines);
    print_display();
    std::fflush(stderr);
}

bool Console::is_terminal() const { return ::isatty(STDERR_FILENO) != 0; }

std::size_t Console::width() const {
    winsize size{};
    if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 100;
    return size.ws_col;
}

void set_up_log(const std::string& level, const std::string& file) {
    std::vector<spdlog::sink_ptr> sinks = {std::make_shared<ConsoleSink>()};
    sinks.front()->set_pattern("pghaul: %v");
    if (!file.empty()) {
        try {
            sinks.push_back(std::make_shared<spdlog::sinks::basic_file_sink_mt>(file));
        } catch (const spdlog::spdlog_ex& error) {
            throw io::Error(std::string("cannot write the log file: ") + error.what())
                .exit_code(io::ExitCode::usage)
                .hint("name a file in a folder that can be written");
        }
        sinks.back()->set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
    }
    auto logger = std::make_shared<spdlog::logger>("pghaul", sinks.begin(), sinks.end());
    logger->set_level(spdlog::level::from_str(level));
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
}

}  // namespace pghaul::cmd
