using System.Globalization;
using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

public sealed class NiftiWriterTests
{
    private const int Slices = 3, Rows = 4, Columns = 5;
    private static readonly float[] Voxels = [.. Enumerable.Range(0, Slices * Rows * Columns).Select(i => (0.25f * i) - 3)];

    public static TheoryData<string> Orientations => new("axial", "sagittal", "coronal", "oblique", "reversed", "sheared");

    [Theory, MemberData(nameof(Orientations))]
    public void A_voxel_lies_where_its_slice_says(string name)
    {
        FrameGeometry[] geometry = Geometry(name);
        Volume volume = Nifti.Read(NiftiWriter.Write(Voxels, Slices, Rows, Columns, geometry), Voxels.Length);
        Assert.Equal((Columns, Rows, Slices), (volume.SizeX, volume.SizeY, volume.SizeZ));
        Assert.Equal(Voxels, volume.Values);
        foreach ((int slice, int row, int column) in Places())
        {
            (double x, double y, double z) = Ras(geometry[slice], row, column);
            double[] a = volume.Affine;
            Assert.Equal(x, (a[0] * column) + (a[1] * row) + (a[2] * slice) + a[3], 1e-4);
            Assert.Equal(y, (a[4] * column) + (a[5] * row) + (a[6] * slice) + a[7], 1e-4);
            Assert.Equal(z, (a[8] * column) + (a[9] * row) + (a[10] * slice) + a[11], 1e-4);
        }
    }

    [Theory, MemberData(nameof(Orientations))]
    public void NiBabel_finds_the_same_place_in_sform_and_qform(string name)
    {
        FrameGeometry[] geometry = Geometry(name);
        const string script = """
            import sys, nibabel, numpy
            image = nibabel.load(sys.argv[1])
            data = image.get_fdata()
            matrices = [image.get_sform()] + ([image.get_qform()] if image.header['qform_code'] else [])
            print(len(matrices), image.header.get_data_dtype(), image.header.get_xyzt_units()[0], image.header['descrip'].item().decode())
            for matrix in matrices:
                for place in ((0, 0, 0), (4, 0, 0), (0, 3, 0), (0, 0, 2), (3, 1, 1)):
                    print(*(matrix @ (*place, 1))[:3], data[place])
            """;
        string[] lines = ByNiBabel(NiftiWriter.Write(Voxels, Slices, Rows, Columns, geometry, compressed: true), script);
        int matrices = name == "sheared" ? 1 : 2;
        Assert.Equal($"{matrices} float32 mm InverseSolver. Not for diagnosis.", lines[0]);
        (int Slice, int Row, int Column)[] places = [.. Places()];
        for (int i = 0; i < matrices * places.Length; i++)
        {
            (int slice, int row, int column) = places[i % places.Length];
            double[] found = [.. lines[i + 1].Split(' ').Select(number => double.Parse(number, CultureInfo.InvariantCulture))];
            (double x, double y, double z) = Ras(geometry[slice], row, column);
            // A reader takes the quaternion's a from b, c and d, of seven digits each: where it is near 0 half of them are lost.
            double tolerance = i < places.Length ? 1e-4 : 5e-3;
            Assert.Equal(x, found[0], tolerance);
            Assert.Equal(y, found[1], tolerance);
            Assert.Equal(z, found[2], tolerance);
            Assert.Equal(Voxels[(((slice * Rows) + row) * Columns) + column], found[3]);
        }
    }

    [Fact]
    public void An_axial_slice_has_the_affine_computed_by_hand()
    {
        // LPS: column to the left, row to the back. RAS: both against the axes; the first pixel at x = 10 L = -10 R, y = 20 P = -20 A.
        FrameGeometry first = new(new(10, 20, 30), new(1, 0, 0), new(0, 1, 0), 2, 3, 4, 5);
        Volume volume = Nifti.Read(NiftiWriter.Write(Voxels, Slices, Rows, Columns, [first]), Voxels.Length);
        Assert.Equal([-3, 0, 0, -10, 0, -2, 0, -20, 0, 0, 5, 30, 0, 0, 0, 1], volume.Affine);
    }

    [Fact]
    public void Without_geometry_no_orientation_is_claimed()
    {
        byte[] file = NiftiWriter.Write(Voxels, Slices, Rows, Columns, null);
        Assert.Contains("no orientation", Assert.Throws<InvalidMeasurementException>(() => Nifti.Read(file, 1000)).Message, StringComparison.Ordinal);
        Assert.Equal(
            ["0 0 1.0 1.0 1.0"],
            ByNiBabel(file, "import sys, nibabel; h = nibabel.load(sys.argv[1]).header; print(h['qform_code'], h['sform_code'], *h['pixdim'][1:4])"));
    }

    [Fact]
    public void Slices_that_are_no_volume_are_refused()
    {
        FrameGeometry[] turned = Geometry("axial"), uneven = Geometry("axial"), same = Geometry("axial");
        turned[1] = turned[1] with { AlongRow = new(0, 1, 0), AlongColumn = new(1, 0, 0) };
        uneven[1] = uneven[1] with { Position = uneven[1].Position + new PatientVector(0, 0, 1) };
        same[2] = same[1] = same[0];
        foreach (FrameGeometry[] geometry in (FrameGeometry[][])[turned, uneven, same, [.. same[..2]]])
            Assert.Throws<ArgumentException>(() => NiftiWriter.Write(Voxels, Slices, Rows, Columns, geometry));
        Assert.Throws<ArgumentException>(() => NiftiWriter.Write(Voxels, Slices + 1, Rows, Columns, null));
    }

    private static IEnumerable<(int Slice, int Row, int Column)> Places() => [(0, 0, 0), (0, 0, 4), (0, 3, 0), (2, 0, 0), (1, 1, 3)];

    private static FrameGeometry[] Geometry(string name)
    {
        double c = Math.Cos(0.4), s = Math.Sin(0.4), d = Math.Cos(-1.1), e = Math.Sin(-1.1);
        (PatientVector row, PatientVector column) = name switch
        {
            "sagittal" => (new PatientVector(0, 1, 0), new PatientVector(0, 0, -1)),
            "coronal" => (new PatientVector(1, 0, 0), new PatientVector(0, 0, -1)),
            "oblique" => (new PatientVector(c, s, 0), new PatientVector(-s * d, c * d, e)),
            _ => (new PatientVector(1, 0, 0), new PatientVector(0, 1, 0)),
        };
        PatientVector step = (name == "reversed" ? -2.5 : 2.5) * row.Cross(column);
        if (name == "sheared") step += 0.7 * column;
        return [.. Enumerable.Range(0, Slices).Select(i => new FrameGeometry(new PatientVector(-12.5, 40, 7) + (i * step), row, column, 0.75, 1.25, 2, 2.5))];
    }

    // Straight from the standard's equation C.7.6.2.1-1, then LPS to RAS.
    private static (double X, double Y, double Z) Ras(FrameGeometry slice, int row, int column)
    {
        PatientVector place = slice.Position + (column * slice.ColumnSpacingMm * slice.AlongRow) + (row * slice.RowSpacingMm * slice.AlongColumn);
        return (-place.X, -place.Y, place.Z);
    }

    private static string[] ByNiBabel(byte[] file, string script)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("inverse-nifti-");
        try
        {
            string path = Path.Combine(folder.FullName, file[0] == 0x1F ? "volume.nii.gz" : "volume.nii");
            File.WriteAllBytes(path, file);
            return Judge.Python("nibabel", script, path).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
