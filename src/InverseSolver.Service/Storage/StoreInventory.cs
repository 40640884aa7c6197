using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using InverseSolver.Reconstruction.Jobs;
using InverseSolver.Service.Jobs;

namespace InverseSolver.Service.Storage;

/// <summary>A finding on the files of one job.</summary>
/// <param name="Id">The job.</param>
/// <param name="Text">The finding, a sentence.</param>
internal sealed record StoreFinding(string Id, string Text);

/// <summary>Compares the database with the files, and takes jobs of the quarantine into the database again.</summary>
internal sealed class StoreInventory(JobStore store, JobFolder folder)
{
    // Members of the report that a job's result has under the same names.
    private static readonly string[] ResultMembers =
    [
        "effectiveSigma", "consistency", "quality", "frames", "cost", "baselines", "sigmaEstimated", "sigmaMethod", "mri", "device", "sharing", "residuals",
    ];

    /// <summary>Reads every file of every job: rows without their files, files that changed, and files without a row.</summary>
    public IReadOnlyList<StoreFinding> Check()
    {
        var findings = new List<StoreFinding>();
        foreach (string id in store.Ids())
        {
            JobRow row = store.Get(id)!;
            Job job = row.ToJob();
            if (job.Request is null || (row.Result is not null && job.Result is null))
            {
                Add(id, "The row is damaged: its JSON cannot be read.");
                continue;
            }

            foreach (Artefact artefact in job.Result?.Artefacts ?? [])
            {
                if (Fault(folder.PathOf(id, row.Epoch, artefact.Name), artefact.Sha256) is { } fault) Add(id, $"The artefact {artefact.Name} {fault}.");
            }

            if (row.InputsDeleted) continue;
            foreach ((string name, string hash) in job.Request.Files)
            {
                if (Fault(folder.InputPath(id, name), hash) is { } fault) Add(id, $"The input {name} {fault}.");
            }
        }

        HashSet<string> known = store.Ids();
        foreach (string id in folder.Ids().Where(id => !known.Contains(id)))
        {
            Add(id, "The files have no row; the next start of the service moves them to the quarantine.");
        }

        foreach (string id in folder.Quarantined()) Add(id, "It is in the quarantine: files without a row. `inverse store adopt` takes it in again.");
        return findings;

        void Add(string id, string text) => findings.Add(new StoreFinding(id, text));
    }

    /// <summary>Takes jobs of the quarantine in again: as succeeded where all files of a result are there and unchanged, else into the queue.</summary>
    /// <param name="ids">The jobs; none: all of them.</param>
    /// <returns>The outcome for each job.</returns>
    public IReadOnlyList<StoreFinding> Adopt(IReadOnlyCollection<string> ids)
    {
        HashSet<string> there = [.. folder.Quarantined()];
        var outcomes = new List<StoreFinding>();
        foreach (string id in ids.Count == 0 ? there : ids)
        {
            outcomes.Add(new StoreFinding(id, there.Contains(id) ? Adopt(id) : "It is not in the quarantine."));
        }

        return outcomes;
    }

    private string Adopt(string id)
    {
        folder.Readmit(id);
        try
        {
            if (folder.ReadSubmission(id) is { } job && job.Id == id)
            {
                StoredRequest request = JsonSerializer.Deserialize<StoredRequest>(job.Request, ApiJson.Options)!;
                foreach (long epoch in folder.Epochs(id))
                {
                    if (ResultOf(id, epoch) is not { } found) continue;
                    return store.Adopt(job, Created(id), found.Finished, epoch, found.Result, found.Warnings) ? "Adopted with its result."
                        : Rejected("It is stored already.");
                }

                if (request.Files.Any(file => Fault(folder.InputPath(id, file.Key), file.Value) is not null))
                {
                    return Rejected("It stays in the quarantine: neither a complete result nor unchanged inputs are there.");
                }

                long last = folder.Epochs(id) is [var newest, ..] ? newest : 0;
                return store.Adopt(job, Created(id), finished: null, last, result: null, job.Warnings) ? "Adopted into the queue."
                    : Rejected("It is stored already.");
            }
        }
        catch (JsonException)
        {
            // The same as a record that is missing.
        }

        return Rejected("It stays in the quarantine: its record job.json is missing or damaged, so nobody knows what was asked.");

        string Rejected(string why)
        {
            folder.Reject(id);
            return why;
        }
    }

    // The result of an epoch, from its report, where every file that it lists is there and unchanged.
    private (string Result, string Warnings, long Finished)? ResultOf(string id, long epoch)
    {
        const string name = "report.json";
        string path = folder.PathOf(id, epoch, name);
        if (!File.Exists(path)) return null;
        byte[] bytes = File.ReadAllBytes(path);
        try
        {
            JsonObject report = JsonNode.Parse(bytes)!.AsObject();
            Artefact[] artefacts = report["artefacts"].Deserialize<Artefact[]>(ApiJson.Options)!;
            if ((string?)report["job"] != id || artefacts.Any(file => Fault(folder.PathOf(id, epoch, file.Name), file.Sha256) is not null)) return null;
            var result = new JsonObject(ResultMembers.Select(member => KeyValuePair.Create(member, report[member]?.DeepClone())))
            {
                ["artefacts"] = JsonSerializer.SerializeToNode(
                    artefacts.Append(new Artefact(name, "application/json", bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes)))), ApiJson.Options),
            };
            string text = result.ToJsonString(ApiJson.Options);
            _ = JsonSerializer.Deserialize<JobResult>(text, ApiJson.Options);
            var finished = DateTimeOffset.Parse((string)report["times"]!["finished"]!, CultureInfo.InvariantCulture);
            return (text, report["warnings"]!.ToJsonString(), finished.ToUnixTimeMilliseconds());
        }
        catch (Exception error) when (error is JsonException or FormatException or InvalidOperationException or NullReferenceException)
        {
            return null;
        }
    }

    // The first 48 bits of a UUID of version 7 are unix milliseconds.
    private static long Created(string id) => long.Parse(id.Replace("-", "", StringComparison.Ordinal).AsSpan(0, 12), NumberStyles.HexNumber);

    private static string? Fault(string path, string hash) => JobFolder.HashOf(path) is not { } found ? "is missing"
        : found == hash ? null : "changed since it was written";
}
