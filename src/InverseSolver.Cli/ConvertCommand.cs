using System.CommandLine;
using InverseSolver.Imaging;

namespace InverseSolver.Cli;

/// <summary><c>inverse convert</c>: .npy to BART's .cfl with its .hdr, and back.</summary>
internal static class ConvertCommand
{
    private const long MaxElements = 1L << 28;

    internal static Command Create()
    {
        var input = new Argument<string>("in") { Description = "A .npy or .cfl file (its .hdr beside it)." };
        var output = new Argument<string>("out") { Description = "The file to write: .cfl (and .hdr) or .npy." };
        var command = new Command("convert", "Converts .npy to BART's .cfl and back. An array's last dimension is BART's first one.") { input, output };
        command.SetAction(arguments =>
        {
            Convert(arguments.GetRequiredValue(input), arguments.GetRequiredValue(output));
            return ExitCode.Done;
        });
        return command;
    }

    private static void Convert(string from, string to)
    {
        try
        {
            switch (Path.GetExtension(from), Path.GetExtension(to))
            {
                case (".npy", ".cfl"):
                    (byte[] header, byte[] data) = BartFile.Write(Npy.Read(File.ReadAllBytes(from), MaxElements));
                    File.WriteAllBytes(Path.ChangeExtension(to, ".hdr"), header);
                    File.WriteAllBytes(to, data);
                    break;
                case (".cfl", ".npy"):
                    File.WriteAllBytes(to, Npy.Write(BartFile.Read(File.ReadAllBytes(Path.ChangeExtension(from, ".hdr")), File.ReadAllBytes(from), MaxElements).Array));
                    break;
                default:
                    throw new CommandException("One of the two files is .npy, the other one .cfl.");
            }
        }
        catch (InvalidMeasurementException e)
        {
            throw new CommandException($"{Path.GetFileName(from)}: {e.Message}");
        }
    }
}
