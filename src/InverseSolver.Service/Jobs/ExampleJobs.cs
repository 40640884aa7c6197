using System.Text.Json;
using System.Text.Json.Nodes;
using InverseSolver.Service.Audit;
using InverseSolver.Service.Documentation;
using InverseSolver.Service.Storage;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Jobs;

/// <summary>
/// Submits the examples of Swagger UI once, under the ids that it shows. A file of the data folder lists those that were submitted, so that a deleted one
/// stays deleted.
/// </summary>
internal sealed partial class ExampleJobs(
    JobSubmission submission, JobStore store, AuditTrail audit, IOptions<JobOptions> options, ILogger<ExampleJobs> log) : IHostedService
{
    private const string Caller = "examples";

    private readonly string _list = Path.Combine(options.Value.DataFolder, "examples.txt");

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (!options.Value.Examples) return;
        string[] submitted = File.Exists(_list) ? await File.ReadAllLinesAsync(_list, cancellationToken) : [];
        foreach (JobExample example in Examples.Jobs.Where(example => !submitted.Contains(example.Id) && store.Get(example.Id) is null))
        {
            try
            {
                JsonObject job = Examples.Job(example);
                job["name"] = example.Summary;
                job["priority"] = "low";
                job["retain"] = JobRequest.MaxRetain;
                var body = new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(job));
                var http = new DefaultHttpContext { Request = { ContentType = "application/json", Body = body } };
                await submission.SubmitAsync(http.Request, Caller, key: null, example.Id, cancellationToken);
                audit.Add("submitJob", example.Id);
                await File.AppendAllLinesAsync(_list, [example.Id], cancellationToken);
            }
            catch (Exception error) when (!cancellationToken.IsCancellationRequested)
            {
                // A service without the examples' model, or with a full disk, serves nevertheless.
                NotSubmitted(example.Name, ErrorMap.Explain(error).Message);
            }
        }
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(1017, LogLevel.Warning, "The example job {Example} was not submitted (Jobs:Examples): {Reason}")]
    private partial void NotSubmitted(string example, string reason);
}
