using System.CommandLine;
using System.Text;
using InverseSolver.Service.Access;
using InverseSolver.Service.Audit;
using InverseSolver.Service.Jobs;
using InverseSolver.Service.Storage;
using Microsoft.Extensions.Options;

namespace InverseSolver.Cli.Store;

/// <summary><c>inverse store</c>: compares the database of a service's data folder with its files, and takes jobs of the quarantine in again.</summary>
internal static class StoreCommand
{
    internal static Command Create() => new("store", "Checks the data folder of a service that is stopped, and adopts jobs whose rows were lost.")
    {
        Check(), Adopt(),
    };

    private static Command Check()
    {
        Option<DirectoryInfo> data = Data();
        Option<string?> json = CliOptions.Json();
        var command = new Command("check", "Reads every file of every job: lists missing and changed files, and files without a row.") { data, json };
        command.SetAction(arguments => With(arguments.GetValue(data)!, inventory =>
        {
            IReadOnlyList<StoreFinding> findings = inventory.Check();
            Print(findings);
            CliJson.Write(arguments.GetValue(json), findings);
            Console.WriteLine(findings.Count == 0 ? "Every row has its files, and every file its row." : $"{findings.Count} findings.");
            return findings.Count == 0 ? ExitCode.Done : ExitCode.Failed;
        }));
        return command;
    }

    private static Command Adopt()
    {
        Option<DirectoryInfo> data = Data();
        var ids = new Argument<string[]>("id") { Description = "Jobs of the quarantine; none: all of them.", Arity = ArgumentArity.ZeroOrMore };
        Option<string?> key = KeyFile();
        Option<string?> json = CliOptions.Json();
        var command = new Command("adopt", "Takes jobs of the quarantine into the database: with their results, or into the queue.")
        {
            ids, data, key, json,
        };
        command.SetAction(arguments => With(arguments.GetValue(data)!, inventory =>
        {
            foreach (string id in inventory.Quarantine())
            {
                Console.WriteLine($"{id}  The files had no row, and were moved to the quarantine, as a start of the service does.");
            }

            IReadOnlyList<StoreFinding> outcomes = inventory.Adopt(arguments.GetValue(ids)!);
            Print(outcomes);
            CliJson.Write(arguments.GetValue(json), outcomes);
            if (outcomes.Count == 0) Console.WriteLine("The quarantine is empty.");
            return outcomes.All(outcome => outcome.Text.StartsWith("Adopted", StringComparison.Ordinal)) ? ExitCode.Done : ExitCode.Failed;
        }, arguments.GetValue(key), isChange: true));
        return command;
    }

    internal static Option<DirectoryInfo> Data() => new Option<DirectoryInfo>("--data")
    {
        Description = "The data folder (Jobs:DataFolder of the service).",
        DefaultValueFactory = static _ => new DirectoryInfo("data"),
    }.AcceptExistingOnly();

    internal static Option<string?> KeyFile() =>
        new("--key-file") { HelpName = "FILE", Description = "The audit trail's key (Audit:Key), where it is not in the data folder." };

    /// <summary>The audit trail of a data folder.</summary>
    internal static AuditTrail Trail(JobDatabase database, DirectoryInfo data, string? keyFile)
    {
        string? key = keyFile is null ? null : Encoding.ASCII.GetString(ArrayFiles.Read(KeyFile().Name, keyFile)).Trim();
        return new AuditTrail(database, Options.Create(new AuditOptions { Key = key }), OptionsOf(data)) { Actor = "[command line]" };
    }

    /// <summary>The audit trail of a data folder, to be added to: a record with another key would break it.</summary>
    internal static AuditTrail OpenTrail(JobDatabase database, DirectoryInfo data, string? keyFile) =>
        Trail(database, data, keyFile) is var trail && trail.HasItsKey() ? trail
            : throw new CommandException("The audit trail was written with another key: name the file that has it (Audit:Key) by --key-file.");

    private static int With(DirectoryInfo data, Func<StoreInventory, int> act, string? keyFile = null, bool isChange = false) => WithAsync(data, database =>
    {
        IOptions<JobOptions> options = OptionsOf(data);
        AuditTrail trail = isChange ? OpenTrail(database, data, keyFile) : Trail(database, data, keyFile);
        return Task.FromResult(act(new StoreInventory(new JobStore(database, options, trail), new JobFolder(options))));
    }).GetAwaiter().GetResult();

    private static IOptions<JobOptions> OptionsOf(DirectoryInfo data) => Options.Create(new JobOptions { DataFolder = data.FullName });

    /// <summary>Opens the database of a data folder that no service uses.</summary>
    /// <param name="data">The folder.</param>
    /// <param name="act">Uses it.</param>
    /// <param name="mustExist">True where a folder without a database is the wrong one; else it is made.</param>
    internal static async Task<T> WithAsync<T>(DirectoryInfo data, Func<JobDatabase, Task<T>> act, bool mustExist = false)
    {
        IOptions<JobOptions> options = OptionsOf(data);
        if (mustExist && !File.Exists(Path.Combine(data.FullName, "jobs.db")))
            throw new CommandException(
                $"--data {data}: there is no database jobs.db, so no service has used this folder: name the one that it has (Jobs:DataFolder).");
        try
        {
            using var database = new JobDatabase(options, new DiskSpace(options));
            return await act(database);
        }
        catch (StartRefusedException refused)
        {
            throw new CommandException(refused.Message);
        }
        catch (Exception error) when (StartCheck.SentenceOf(error) is { } sentence)
        {
            throw new CommandException(sentence);
        }
    }

    private static void Print(IEnumerable<StoreFinding> findings)
    {
        foreach (StoreFinding finding in findings) Console.WriteLine($"{finding.Id}  {finding.Text}");
    }
}
