using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Jobs;
using InverseSolver.Service.Estimates;
using InverseSolver.Service.Models;
using InverseSolver.Service.Problems;
using InverseSolver.Service.Requests;
using InverseSolver.Service.Storage;
using InverseSolver.Service.Webhooks;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Jobs;

/// <summary>Accepts jobs: reads them, checks all that can be checked, and stores them.</summary>
internal sealed class JobSubmission(
    UploadReader reader,
    UploadGate gate,
    FormatReader formats,
    ModelCatalog models,
    DeviceSlots slots,
    JobStore store,
    JobFolder folder,
    DiskSpace disk,
    JobSignals signals,
    JobEstimates estimates,
    IOptions<JobOptions> options,
    IOptions<LimitOptions> limits,
    IOptions<OperatorOptions> operators,
    IOptions<WebhookOptions> webhooks)
{
    /// <summary>Accepts a job.</summary>
    /// <param name="http">The HTTP request.</param>
    /// <param name="key">The Idempotency-Key.</param>
    /// <param name="cancellation">Stops before anything is stored.</param>
    /// <returns>The stored job, or the one that was stored under the same key before.</returns>
    public async Task<JobRow> SubmitAsync(HttpRequest http, string? key, CancellationToken cancellation)
    {
        CheckKey(key);
        if ((key is null || store.FindByKey(key) is null) && store.Count("queued") >= options.Value.QueueCapacity)
        {
            throw QueueFull();
        }

        disk.CheckRoom(bytes: 0);
        using IDisposable place = await gate.EnterAsync(cancellation);
        Upload<JobRequest> upload = await reader.ReadAsync<JobRequest>(http, JobRequest.FileNames, cancellation);
        Dictionary<string, string> hashes = StoredRequest.HashesOf(upload.Files);
        string bodyHash = HashOf(upload.Request, hashes);
        if (Earlier(key, bodyHash) is { } earlier)
        {
            return earlier;
        }

        string? webhook = WebhookTarget.Of(upload.Request.Webhook, webhooks.Value);
        JobPlan plan = Check(upload, hashes).Plan;
        (StoredRequest stored, IReadOnlyList<string> warnings) = (plan.Request, plan.Warnings);
        long bytes = upload.Files.Values.Sum(file => (long)file.Length);
        disk.CheckRoom(bytes);
        string id = Guid.CreateVersion7().ToString();
        try
        {
            string json = JsonSerializer.Serialize(stored, ApiJson.Options);
            string? sharing = stored.Reproducible ? null : $"{stored.Model}@{stored.ModelHash}";
            var job = new NewJob(id, json, key, bodyHash, sharing, JsonSerializer.Serialize(warnings, ApiJson.Options), upload.Request.Retain, bytes)
            {
                Webhook = webhook,
            };
            folder.WriteInputs(job, upload.Files);
            if (store.Add(job, options.Value.QueueCapacity) is { } added)
            {
                signals.Doorbell.Set();
                return added;
            }
        }
        catch
        {
            folder.Delete(id);
            throw;
        }

        folder.Delete(id);
        return Earlier(key, bodyHash) ?? throw QueueFull();
    }

    /// <summary>Estimates a job that is checked as if it were submitted, and stores nothing.</summary>
    /// <param name="http">The HTTP request.</param>
    /// <param name="cancellation">Stops the estimate.</param>
    public async Task<JobEstimate> EstimateAsync(HttpRequest http, CancellationToken cancellation)
    {
        using IDisposable place = await gate.EnterAsync(cancellation);
        Upload<JobRequest> upload = await reader.ReadAsync<JobRequest>(http, JobRequest.FileNames, cancellation);
        WebhookTarget.Of(upload.Request.Webhook, webhooks.Value);
        (JobPlan plan, ModelInfo model) = Check(upload, StoredRequest.HashesOf(upload.Files));
        return await estimates.OfAsync(plan, model, cancellation);
    }

    private (JobPlan Plan, ModelInfo Model) Check(Upload<JobRequest> upload, Dictionary<string, string> hashes)
    {
        JobRequest request = upload.Request;
        RequestChecks.CheckRanges(request);
        SolverChoice choice = request.Solver ?? new SolverChoice();
        ResolvedSolver solver = ResolvedSolver.Of(request.Problem, choice.Type, choice.Preset, choice.Parameters);
        IReadOnlyList<ResolvedSolver>? baselines = ResolvedSolver.Baselines(request.Baselines ?? []);
        if (solver.Parameters["steps"] is JsonValue steps && steps.TryGetValue(out int count) && count > limits.Value.SolverSteps)
        {
            throw RequestChecks.Unprocessable("limitExceeded", "solver.parameters.steps", $"At most {limits.Value.SolverSteps} steps are allowed.");
        }

        if (!upload.Files.ContainsKey("measurement"))
        {
            throw RequestChecks.Unprocessable("missingFile", "files.measurement", "The measurement is required, as a part or as a data URI.");
        }

        if (models.Find(request.Model) is not { } model)
        {
            throw RequestChecks.Unprocessable("unknownModel", "model", "The model is unknown; /v1/models lists the available models.");
        }

        var stored = new StoredRequest
        {
            Model = request.Model,
            Problem = request.Problem,
            Sigma = request.Sigma,
            Photons = request.Photons,
            Solver = solver,
            Baselines = baselines,
            Seed = request.Seed,
            Reproducible = request.Reproducible,
            Luminance = request.Luminance,
            Previews = request.Previews,
            Name = request.Name,
            VendorConvention = request.VendorConvention,
            Reference = request.Reference,
            Files = hashes,
        };
        if (request.Reference == ReferenceRule.Force && !upload.Files.ContainsKey("reference"))
        {
            throw RequestChecks.Unprocessable(
                "missingFile", "files.reference",
                "\"reference\": \"force\" applies to the file 'reference', which is missing: send the file, or leave \"reference\" out.");
        }

        JobPlan plan = JobPlan.Of(
            stored, upload.Files, formats, limits.Value.Pixels, model, operators.Value.Folder,
            new ReconstructionLimits(limits.Value.Frames, limits.Value.ImagePixels));
        estimates.CheckMemory(plan, model);

        // Last, because the files of a model whose card has no hashes are read for it, once.
        string hash = models.FindVersion(request.Model, slots.Distinct)?.Hash
            ?? throw RequestChecks.Unprocessable(
                "unknownModel", "model", "The model was removed while the job was submitted; /v1/models lists the available models.");
        return (plan with { Request = plan.Request with { ModelHash = hash } }, model);
    }

    /// <summary>The job that was stored under the key, if the request is the same.</summary>
    private JobRow? Earlier(string? key, string bodyHash) => key is null || store.FindByKey(key) is not { } job ? null
        : job.BodyHash == bodyHash ? job
        : throw new RequestException(
            StatusCodes.Status409Conflict, "idempotencyConflict", "Idempotency-Key", "This key was used for another request: send a new key.");

    private static void CheckKey(string? key)
    {
        if (key is not null && (key.Length is 0 or > 200 || key.Any(letter => letter is <= ' ' or > '~')))
        {
            throw new RequestException(
                StatusCodes.Status400BadRequest, "invalidValue", "Idempotency-Key", "A key must have 1 to 200 printable ASCII characters without spaces.");
        }
    }

    /// <summary>The hash of a request, which does not depend on whether its files are parts or data URIs.</summary>
    private static string HashOf(JobRequest request, Dictionary<string, string> hashes)
    {
        var text = new StringBuilder(JsonSerializer.Serialize(request with { Files = null }, ApiJson.Options));
        foreach ((string name, string hash) in hashes.OrderBy(file => file.Key, StringComparer.Ordinal))
        {
            text.Append('\n').Append(name).Append(' ').Append(hash);
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    private static RequestException QueueFull() =>
        new(StatusCodes.Status429TooManyRequests, "queueFull", null, "The queue is full.") { RetryAfter = TimeSpan.FromSeconds(30) };
}
