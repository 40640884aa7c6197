using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using InverseSolver.Service.Audit;

namespace InverseSolver.Cli.Store;

/// <summary><c>inverse audit</c>: the audit trail in the data folder of a service that is stopped, or in a copy of it.</summary>
internal static class AuditCommand
{
    private const int Page = 1000;

    internal static Command Create() => new("audit", "Checks and exports the audit trail of a service's data folder.") { Verify(), Export() };

    private static Command Verify()
    {
        var head = new Option<string?>("--head")
        {
            HelpName = "SEQ:MAC",
            Description = "A head that was kept elsewhere (GET /v1/audit, inverse audit export): the trail must still contain it.",
        };
        return On("verify", "Checks the chain of all records, and that none is missing.", [head], (arguments, trail) =>
        {
            (long records, string? fault) = trail.Verify(arguments.GetValue(head) is { } text ? Parse(text) : null);
            AuditHead now = trail.Head();
            Console.WriteLine(fault ?? $"{records} records, unbroken; the head is {now.Seq}:{now.Mac}");
            return (fault is null ? ExitCode.Done : ExitCode.Failed, new { records, fault, head = now });
        });
    }

    private static Command Export()
    {
        var output = new Option<string>("--out")
        {
            HelpName = "FILE",
            Description = "The file to write: a record in JSON a line, and the head in the last one.",
            Required = true,
        };
        return On("export", "Writes all records into a file.", [output], (arguments, trail) =>
        {
            string file = arguments.GetRequiredValue(output);
            long records = 0, after = 0;
            using (var writer = new StreamWriter(file + ".new"))
            {
                while (trail.Read(after, Page) is [.., var last] page)
                {
                    foreach (AuditRecord record in page) writer.WriteLine(JsonSerializer.Serialize(record, Service.ApiJson.Options));
                    (records, after) = (records + page.Count, last.Seq);
                }

                writer.WriteLine(JsonSerializer.Serialize(new { head = trail.Head() }, Service.ApiJson.Options));
            }

            File.Move(file + ".new", file, overwrite: true);
            AuditHead now = trail.Head();
            Console.WriteLine($"{records} records; the head is {now.Seq}:{now.Mac}");
            return (ExitCode.Done, new { records, head = now });
        });
    }

    private static AuditHead Parse(string text) =>
        text.Split(':') is [var seq, { Length: 64 } mac] && long.TryParse(seq, NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            ? new AuditHead(number, mac) : throw new CommandException($"--head {text}: it is a number, a colon and 64 hexadecimal digits.");

    private static Command On(string name, string description, Option[] options, Func<ParseResult, AuditTrail, (int Code, object Json)> act)
    {
        Option<DirectoryInfo> data = StoreCommand.Data();
        Option<string?> key = StoreCommand.KeyFile();
        Option<string?> json = CliOptions.Json();
        var command = new Command(name, description);
        foreach (Option option in (Option[])[data, key, .. options, json]) command.Options.Add(option);
        command.SetAction((arguments, _) => StoreCommand.WithAsync(arguments.GetValue(data)!, database =>
        {
            if (arguments.GetValue(key) is null && !File.Exists(Path.Combine(arguments.GetValue(data)!.FullName, AuditTrail.KeyFile)))
                throw new CommandException($"The folder has no file {AuditTrail.KeyFile}: name the file with the trail's key (Audit:Key) by --key-file.");
            (int code, object answer) = act(arguments, StoreCommand.Trail(database, arguments.GetValue(data)!, arguments.GetValue(key)));
            CliJson.Write(arguments.GetValue(json), answer);
            return Task.FromResult(code);
        }, mustExist: true));
        return command;
    }
}
