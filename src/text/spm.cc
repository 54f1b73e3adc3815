// The functions of libsentencepiece that elcl uses, as plain C. No exception leaves this file.
extern "C" {
#include "base/util.h"
}
#include "text/spm.h"

#include <exception>
#include <new>
#include <string>
#include <vector>

#include <sentencepiece_processor.h>

struct elcl_spm {
    sentencepiece::SentencePieceProcessor processor;
    std::string path;
};

namespace
{

int fail_with(const elcl_spm *spm, const sentencepiece::util::Status &status, elcl_error *err)
{
    return elcl_fail(err, ELCL_E_FORMAT, "%s: %.300s", spm->path.c_str(),
                     status.ToString().c_str());
}

} // namespace

int elcl_spm_create(const void *bytes, size_t n, const char *path, elcl_spm **spm, elcl_error *err)
{
    elcl_spm *model = nullptr;
    try {
        model = new elcl_spm;
        model->path = path;
        const auto status = model->processor.LoadFromSerializedProto(
            absl::string_view(static_cast<const char *>(bytes), n));
        if (status.ok() && model->processor.GetPieceSize() > 0) {
            *spm = model;
            return ELCL_OK;
        }
    } catch (const std::bad_alloc &) {
        delete model;
        return elcl_fail_nomem(err);
    } catch (const std::exception &) {
    }
    delete model;
    return elcl_fail(err, ELCL_E_FORMAT, "%s: expected a SentencePiece model, found something else",
                     path);
}

void elcl_spm_destroy(elcl_spm **spm)
{
    delete *spm;
    *spm = nullptr;
}

int32_t elcl_spm_size(const elcl_spm *spm)
{
    return spm->processor.GetPieceSize();
}

const char *elcl_spm_piece(const elcl_spm *spm, int32_t id, size_t *n)
{
    const std::string &piece = spm->processor.IdToPiece(id);
    *n = piece.size();
    return piece.c_str();
}

int32_t elcl_spm_unknown(const elcl_spm *spm)
{
    return spm->processor.unk_id();
}

int elcl_spm_encode(const elcl_spm *spm, const char *text, size_t n, elcl_spm_use use, void *user,
                    elcl_error *err)
{
    try {
        std::vector<std::string> pieces;
        const auto status = spm->processor.Encode(absl::string_view(text, n), &pieces);
        if (!status.ok())
            return fail_with(spm, status, err);
        for (const auto &piece : pieces) {
            const int rc = use(user, piece.data(), piece.size(), err);
            if (rc)
                return rc;
        }
        return ELCL_OK;
    } catch (const std::bad_alloc &) {
        return elcl_fail_nomem(err);
    } catch (const std::exception &e) {
        return elcl_fail(err, ELCL_E_INTERNAL, "%s: %.300s", spm->path.c_str(), e.what());
    }
}

int elcl_spm_decode(const elcl_spm *spm, const elcl_spm_span *pieces, size_t n, char **text,
                    size_t *n_text, elcl_error *err)
{
    try {
        std::vector<absl::string_view> views;
        std::string joined;
        for (size_t i = 0; i < n; i++)
            views.emplace_back(pieces[i].s, pieces[i].n);
        const auto status = spm->processor.Decode(views, &joined);
        if (!status.ok())
            return fail_with(spm, status, err);
        char *copy = elcl_strndup(joined.data(), joined.size());
        if (!copy)
            return elcl_fail_nomem(err);
        *text = copy;
        *n_text = joined.size();
        return ELCL_OK;
    } catch (const std::bad_alloc &) {
        return elcl_fail_nomem(err);
    } catch (const std::exception &e) {
        return elcl_fail(err, ELCL_E_INTERNAL, "%s: %.300s", spm->path.c_str(), e.what());
    }
}
