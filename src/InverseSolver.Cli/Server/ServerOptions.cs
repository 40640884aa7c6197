using System.CommandLine;
using InverseSolver.Client;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Cli.Server;

/// <summary>The parts that commands on a running service have in common.</summary>
internal static class ServerOptions
{
    private const string Default = "http://localhost:8080";

    // Of what is left when the user has asked to stop.
    private static readonly TimeSpan CancelWithin = TimeSpan.FromSeconds(1);

    internal static Option<string> Server()
    {
        Option<string> server = Named<string>();
        server.DefaultValueFactory = _ => Environment.GetEnvironmentVariable("INVERSESOLVER_URL") is { Length: > 0 } url ? url : Default;
        server.Description += $" Absent: the environment's INVERSESOLVER_URL, else {Default}.";
        return server;
    }

    /// <summary>The same where a command works without a service as well.</summary>
    internal static Option<string?> ServerIfAny() => Named<string?>();

    /// <summary>A client of the service; the caller's key is the environment's INVERSESOLVER_KEY, because command lines are seen by everybody.</summary>
    internal static InverseClient Client(string server)
    {
        if (!Uri.TryCreate(server, UriKind.Absolute, out Uri? address) || address.Scheme is not ("http" or "https"))
        {
            throw new CommandException($"--server {server}: it is no URL of a service, as {Default} is one.");
        }

        string? key = Environment.GetEnvironmentVariable("INVERSESOLVER_KEY") is { Length: > 0 } given ? given : null;
        if (key?.Any(letter => letter is <= ' ' or > '~') == true)
        {
            throw new CommandException("The key in INVERSESOLVER_KEY has a space, a line's end or another letter that no key has.");
        }

        return new InverseClient(address, key);
    }

    /// <summary>Reports a job's progress as a solver does here.</summary>
    internal static Action<Job> Progress(Action<SolverProgress> report) => job =>
    {
        if (job.Progress is not { } now) return;
        TimeSpan? eta = now.EtaSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null;
        report(new SolverProgress(now.Stage, now.Step, now.Of, now.Residual, TimeSpan.FromSeconds(now.ElapsedSeconds), eta, null));
    };

    /// <summary>The end of a job that did not succeed, in a sentence.</summary>
    internal static string EndOf(Job job) => job.Error is { } error
        ? $"Job {job.Id} failed: {(error.Field is null ? "" : $"{error.Field}: ")}{error.Detail}" : $"Job {job.Id} was cancelled.";

    /// <summary>Asks jobs to stop, as far as that is possible in the second that is left; what is final stays as it is.</summary>
    internal static async Task CancelAsync(InverseClient client, IEnumerable<string> ids)
    {
        using var soon = new CancellationTokenSource(CancelWithin);
        foreach (string id in ids)
        {
            try
            {
                await client.Api.CancelJobAsync(id, soon.Token);
                Console.Error.WriteLine($"note: job {id} was cancelled.");
            }
            catch (ApiException error) when (error.StatusCode == 409)
            {
                // It is final.
            }
            catch (Exception error) when (error is HttpRequestException or OperationCanceledException or ApiException)
            {
                Console.Error.WriteLine($"warning: Job {id} could not be cancelled: it goes on.");
            }
        }
    }

    private static Option<T> Named<T>() => new("--server") { HelpName = "URL", Description = "URL of a running service." };
}

/// <summary>Calls a function with each value, on the thread that reports it.</summary>
internal sealed class Reporter<T>(Action<T> report) : IProgress<T>
{
    public void Report(T value) => report(value);
}
