using System.CommandLine;
using InverseSolver.Imaging;

namespace InverseSolver.Cli.Convert;

/// <summary><c>inverse convert</c>: .npy to BART's .cfl with its .hdr, and back.</summary>
internal static class ConvertCommand
{
    private const long MaxElements = 1L << 28;

    // BART's dimensions.
    private const int Coil = 3, Slice = 13;

    internal static Command Create()
    {
        var input = new Argument<string>("in") { Description = "A .npy or .cfl file (its .hdr beside it)." };
        var output = new Argument<string>("out") { Description = "The file to write: .cfl (and .hdr) or .npy." };
        var asIs = new Option<bool>("--as-is") { Description = "Moves no dimension: for volumes of images, and whatever is neither k-space nor maps." };
        Option<string?> json = CliOptions.Json();
        var command = new Command(
            "convert",
            "Converts .npy to BART's .cfl and back. "
                + "An array's last dimension is BART's first one; "
                + "complex ([slices,] coils, rows, columns) becomes BART's dimensions ([13,] 3, 1, 0) and comes back as it was.")
        {
            input, output, asIs, json,
        };
        command.SetAction(arguments =>
        {
            (int[] shape, int[] bart) = Convert(arguments.GetRequiredValue(input), arguments.GetRequiredValue(output), arguments.GetValue(asIs));
            CliJson.Write(arguments.GetValue(json), new { shape, bart });
            return ExitCode.Done;
        });
        return command;
    }

    // The shape of the .npy and BART's dimensions, columns first.
    private static (int[] Shape, int[] Bart) Convert(string from, string to, bool asIs)
    {
        try
        {
            switch (Path.GetExtension(from), Path.GetExtension(to))
            {
                case (".npy", ".cfl"):
                    ArrayData array = Npy.Read(File.ReadAllBytes(from), MaxElements);
                    int[] shape = asIs ? array.Shape : ForBart(array);
                    (byte[] header, byte[] data) = BartFile.Write(array with { Shape = shape });
                    File.WriteAllBytes(Path.ChangeExtension(to, ".hdr"), header);
                    File.WriteAllBytes(to, data);
                    Console.WriteLine(
                        $"({string.Join(", ", array.Shape)}) is BART's {string.Join(' ', shape.Reverse())}"
                            + $"{(shape == array.Shape ? "" : ", columns first: inverse solve takes BART's first dimension for rows, so solve the .npy")}");
                    return (array.Shape, [.. shape.Reverse()]);
                case (".cfl", ".npy"):
                    (int[] sizes, ArrayData read) = BartFile.Read(File.ReadAllBytes(Path.ChangeExtension(from, ".hdr")), File.ReadAllBytes(from), MaxElements);
                    ArrayData turned = asIs ? read : read with { Shape = FromBart(sizes) };
                    File.WriteAllBytes(to, Npy.Write(turned));
                    Console.WriteLine($"BART's {string.Join(' ', sizes)} is ({string.Join(", ", turned.Shape)})");
                    return (turned.Shape, sizes);
                default:
                    throw new CommandException("One of the two files is .npy, the other one .cfl.");
            }
        }
        catch (InvalidMeasurementException e)
        {
            throw new CommandException($"{Path.GetFileName(from)}: {e.Message}");
        }
    }

    // k-space and maps have no partitions, and coils where BART would have these. An array of four dimensions with a size of 1 there is BART's already.
    private static int[] ForBart(ArrayData array) => array switch
    {
        { IsComplex: true, Shape: [var coils, var rows, var columns] } => [coils, 1, rows, columns],
        { IsComplex: true, Shape: [var slices, not 1 and var coils, var rows, var columns] } =>
            [slices, .. Enumerable.Repeat(1, Slice - Coil - 1), coils, 1, rows, columns],
        _ => array.Shape,
    };

    private static int[] FromBart(int[] sizes) => sizes switch
    {
        [var columns, var rows, 1, var coils] => [coils, rows, columns],
        [var columns, var rows, 1, var coils, .. var between, var slices] when sizes.Length == Slice + 1 && between.All(size => size == 1) =>
            [slices, coils, rows, columns],
        _ => [.. sizes.Reverse()],
    };
}
