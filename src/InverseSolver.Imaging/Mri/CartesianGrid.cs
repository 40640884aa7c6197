namespace InverseSolver.Imaging;

/// <summary>The grid on which the lines of a Cartesian scan are averaged: (volumes, partitions, coils, rows, encoded columns).</summary>
internal sealed class CartesianGrid
{
    private readonly MriEncoding _encoding;
    private readonly KSpaceAxis _readout;
    private readonly int _volumes, _partitions, _coils, _rows, _columns;
    private readonly float[] _sums;
    private readonly ushort[] _counts; // (volumes, partitions, rows, columns)

    internal CartesianGrid(int volumes, int coils, MriEncoding encoding, long maxElements)
    {
        _encoding = encoding;
        _readout = KSpaceAxis.Between(encoding.Encoded.X, encoding.Recon.X, mayCrop: true);
        (_volumes, _partitions, _coils, _rows, _columns) = (volumes, encoding.Encoded.Z.Size, coils, _readout.Final, encoding.Encoded.Y.Size);
        double count = (double)volumes * _partitions * coils * _rows * _columns;
        if (count > Math.Min(maxElements, Array.MaxLength / 2))
            throw new InvalidMeasurementException(
                $"The k-space has {count:F0} samples ({volumes * (long)_partitions} frames, {coils} coils, "
                    + $"{_rows} x {_columns}); at most {maxElements} are allowed.");
        _sums = new float[2 * (long)count];
        _counts = new ushort[(long)count / coils];
    }

    /// <summary>The treatment of the readout direction.</summary>
    internal KSpaceAxis Readout => _readout;

    /// <summary>Adds one line.</summary>
    /// <param name="volume">The index of the volume.</param>
    /// <param name="line">The line's header.</param>
    /// <param name="samples">All samples of the file, real and imaginary parts in turn.</param>
    internal void Add(int volume, Acquisition line, float[] samples)
    {
        int column = Place(line.Step1, _encoding.Step1, _columns, "phase-encoding");
        int partition = Place(line.Step2, _encoding.Step2, _partitions, "partition");
        (float[] data, bool[] measured) = Encoded(line, samples);
        data = _readout.Apply(data, _coils, 1);
        measured = _readout.Apply(measured);
        for (int row = 0; row < _rows; row++)
        {
            if (!measured[row]) continue;
            long count = (((((long)volume * _partitions) + partition) * _rows) + row) * _columns + column;
            if (_counts[count] == ushort.MaxValue) throw new InvalidMeasurementException("A line of the ISMRMRD file is measured more than 65535 times.");
            _counts[count]++;
            for (int coil = 0; coil < _coils; coil++)
            {
                long to = 2 * ((((((((long)volume * _partitions) + partition) * _coils) + coil) * _rows) + row) * _columns + column);
                int from = 2 * ((coil * _rows) + row);
                _sums[to] += data[from];
                _sums[to + 1] += data[from + 1];
            }
        }
    }

    /// <summary>Averages, brings phase encoding and partitions to their final size and turns partitions into slices.</summary>
    /// <param name="phase">The phase-encoding axis of an image whose calibration lines these are; null: these are the image.</param>
    /// <exception cref="InvalidMeasurementException">The partitions of a 3-D scan are sampled differently, other than by missing outer ones.</exception>
    internal CartesianData Finish(KSpaceAxis? phase = null)
    {
        double noise = Average();
        (int firstPartition, int partitions) = Partitions(isImage: phase is null);
        bool full = LinesAreComplete();
        phase ??= KSpaceAxis.Between(_encoding.Encoded.Y, _encoding.Recon.Y, full);
        int frames = _volumes * _partitions, columns = phase.Final;
        float[] data = phase.Apply(_sums, frames * _coils * _rows, 1);
        bool[] mask = new bool[(long)frames * _rows * columns];
        bool[] line = new bool[_columns];
        for (int i = 0; i < frames * _rows; i++)
        {
            for (int c = 0; c < _columns; c++) line[c] = _counts[((long)i * _columns) + c] > 0;
            phase.Apply(line).CopyTo(mask, i * columns);
        }
        bool averaged = noise < 1;
        KSpaceAxis third = _partitions > 1
            ? KSpaceAxis.Between(_encoding.Encoded.Z, _encoding.Recon.Z, mayCrop: true)
            : KSpaceAxis.Unchanged(1, _encoding.Recon.Z.Mm);
        if (_partitions > 1)
        {
            data = third.Apply(data, _volumes, _coils * _rows * columns);
            KSpaceAxis.ToImage(data, _volumes, third.Final, _coils * _rows * columns);
            // Partitions that are filled with zeros bring no noise, and the transform spreads that of the others over all slices.
            noise *= Math.Min(1, (double)third.Cropped / third.Final) * partitions / _partitions;
            mask = Repeat(mask, _rows * columns, third.Final);
        }
        int slices = _partitions > 1 ? third.Final : 1;
        Clear(data, mask, _volumes * slices, columns);
        return new CartesianData(data, mask, slices, _rows, columns, _readout, phase, third, (firstPartition, partitions), noise, averaged);
    }

    private static int Place(int step, KSpaceLimits? limit, int size, string name)
    {
        int centre = limit?.Centre ?? size / 2;
        if (limit is { } l && (step < l.Minimum || step > l.Maximum))
        {
            throw new InvalidMeasurementException($"A {name} counter of the ISMRMRD file is {step}, outside the header's limits {l.Minimum} to {l.Maximum}.");
        }
        // A header often leaves the centre of a single step at 0.
        if (size == 1)
        {
            return step == centre || step == 0
                ? 0
                : throw new InvalidMeasurementException($"The ISMRMRD file has several {name} steps where its header encodes one.");
        }
        int place = (size / 2) + step - centre;
        return place >= 0 && place < size
            ? place
            : throw new InvalidMeasurementException(
                $"A {name} counter of the ISMRMRD file ({step}, with {centre} in the centre) lies outside the encoded matrix of {size}.");
    }

    // One line on the encoded grid. The centre of a line that was measured backwards counts from its beginning, too.
    private (float[] Data, bool[] Measured) Encoded(Acquisition line, float[] samples)
    {
        int size = _encoding.Encoded.X.Size;
        float[] data = new float[2 * _coils * size];
        bool[] measured = new bool[size];
        for (int s = line.DiscardPre; s < line.Samples - line.DiscardPost; s++)
        {
            int at = (size / 2) + (line.Has(AcquisitionFlags.Reverse) ? line.CentreSample - s : s - line.CentreSample);
            if (at < 0 || at >= size)
                throw new InvalidMeasurementException(
                    $"A line of the ISMRMRD file ({line.Samples} samples, centre at {line.CentreSample}) reaches beyond the encoded matrix of {size}.");
            measured[at] = true;
            for (int coil = 0; coil < _coils; coil++)
            {
                int from = 2 * (line.DataOffset + (coil * line.Samples) + s), to = 2 * ((coil * size) + at);
                (data[to], data[to + 1]) = (samples[from], samples[from + 1]);
            }
        }
        return (data, measured);
    }

    // Returns the mean of 1/n over the measured samples, n being the number of averages: the factor of averaging on the noise's variance.
    private double Average()
    {
        double sum = 0;
        long measured = 0;
        int plane = _rows * _columns;
        for (int i = 0; i < _counts.Length; i++)
        {
            if (_counts[i] == 0) continue;
            measured++;
            sum += 1.0 / _counts[i];
            if (_counts[i] == 1) continue;
            for (int coil = 0; coil < _coils; coil++)
            {
                long at = 2 * ((((i / (long)plane) * _coils + coil) * plane) + (i % plane));
                _sums[at] /= _counts[i];
                _sums[at + 1] /= _counts[i];
            }
        }
        return measured == 0 ? 1 : sum / measured;
    }

    private bool LinesAreComplete()
    {
        for (int i = 0; i < _counts.Length; i += _columns)
        {
            ReadOnlySpan<ushort> line = _counts.AsSpan(i, _columns);
            if (line.Contains((ushort)0) && line.ContainsAnyExcept((ushort)0)) return false;
        }
        return true;
    }

    // The measured partitions, sampled alike and contiguous around the centre; the others count as zeros. An image needs at least half of them.
    private (int First, int Count) Partitions(bool isImage)
    {
        int plane = _rows * _columns;
        bool[] measured = [.. Enumerable.Range(0, _partitions).Select(p => Enumerable.Range(0, _volumes).Any(v => Plane(v, p).ContainsAnyExcept((ushort)0)))];
        int first = Array.IndexOf(measured, true), count = Array.LastIndexOf(measured, true) - first + 1, centre = _partitions / 2;
        bool fits = first >= 0 && first <= centre && first + count > centre && (!isImage || 2 * count >= _partitions);
        for (int v = 0; fits && v < _volumes; v++)
            for (int p = first; fits && p < first + count; p++)
                for (int i = 0; fits && i < plane; i++)
                    fits = Plane(v, p)[i] > 0 == Plane(v, centre)[i] > 0;
        return fits || _partitions == 1
            ? (first, count)
            : throw new InvalidMeasurementException(
                "The 3-D scan is undersampled along its partitions (kspace_encode_step_2). Such scans are not supported: "
                    + "every line must be measured in all partitions or in none, except for outer partitions that are missing entirely.");

        ReadOnlySpan<ushort> Plane(int volume, int partition) => _counts.AsSpan(((volume * _partitions) + partition) * plane, plane);
    }

    private bool[] Repeat(bool[] mask, int plane, int slices)
    {
        bool[] repeated = new bool[(long)_volumes * slices * plane];
        for (int i = 0; i < _volumes * slices; i++)
        {
            Array.Copy(mask, (((long)(i / slices) * _partitions) + (_partitions / 2)) * plane, repeated, (long)i * plane, plane);
        }
        return repeated;
    }

    // A crop spreads energy to samples that do not count as measured; it is removed.
    private void Clear(float[] data, bool[] mask, int frames, int columns)
    {
        int plane = _rows * columns;
        for (int frame = 0; frame < frames; frame++)
        {
            ReadOnlySpan<bool> measured = mask.AsSpan(frame * plane, plane);
            for (int coil = 0; coil < _coils; coil++)
            {
                long start = 2L * ((frame * (long)_coils) + coil) * plane;
                for (int i = 0; i < plane; i++)
                    if (!measured[i]) data[start + (2 * i)] = data[start + (2 * i) + 1] = 0;
            }
        }
    }
}

/// <summary>A finished <see cref="CartesianGrid"/>.</summary>
/// <param name="KSpace">(volumes x slices, coils, rows, columns), real and imaginary parts in turn.</param>
/// <param name="Mask">(volumes x slices, rows, columns).</param>
/// <param name="Slices">The slices into which each volume was transformed; 1 for a 2-D scan.</param>
/// <param name="Rows">Rows.</param>
/// <param name="Columns">Columns.</param>
/// <param name="Readout">The processing of the readout direction.</param>
/// <param name="Phase">The processing of the phase-encoding direction.</param>
/// <param name="Third">The processing of the partition direction.</param>
/// <param name="Partitions">The partitions that were measured; the others are zeros.</param>
/// <param name="NoiseFactor">The noise's variance over that of one acquired sample.</param>
/// <param name="Averaged">True where samples were measured several times.</param>
internal sealed record CartesianData(
    float[] KSpace, bool[] Mask, int Slices, int Rows, int Columns, KSpaceAxis Readout, KSpaceAxis Phase, KSpaceAxis Third, (int First, int Count) Partitions,
    double NoiseFactor, bool Averaged);
